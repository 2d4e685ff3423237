export { type RetryPace, retryPauseMs } from './retry-pause.js'
export {
  type ChannelSettings,
  channelsFor,
  noRouting,
  ownersOf,
  type Routing,
  routingSchema,
  type SecretName,
} from './routing.js'
export { incidentLines, type Teller, type ToldIncident, tellIncident } from './tell-incident.js'
