import { featureService } from 'millcourse'
import { airportDelays } from '../views/airport_delays.js'
import { lastDeparture } from '../views/last_departure.js'
import { routeTraffic } from '../views/route_traffic.js'

export const delayModel = featureService('delay_model', {
  version: 1,
  features: [
    airportDelays.pick('flights_1h', 'flights_24h', 'delay_avg_24h', 'delay_max_7d'),
    routeTraffic.pick('flights_24h', 'delay_last_24h'),
    lastDeparture.all(),
  ],
  owner: 'ops-ml',
  description: 'Predicts the delay of a departure',
})
