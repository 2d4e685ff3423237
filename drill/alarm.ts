import type { IncidentRule } from '../core/watch/index.js'

/** `dead_man_switch`: nobody tells of a watcher that is gone but the silence of its heartbeat. */
export type Alarm = IncidentRule | 'dead_man_switch'
