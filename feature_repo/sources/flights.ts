import { parquet, t } from 'millcourse'

/** US flights by scheduled departure; the files write times without a zone, which are taken as UTC. */
export const flights = parquet('flights', {
  path: 'data/flights/date={yyyy-MM-dd}/hour={HH}/*.parquet',
  eventTime: 'date',
  timezone: 'UTC',
  schema: {
    date: t.timestamp(),
    delay: t.int64().nullable(),
    distance: t.int64(),
    origin: t.string(),
    destination: t.string(),
  },
  ready: { marker: '_SUCCESS', deadline: '1h' },
  owner: 'data-platform',
  description: 'Departures, one row per flight, an hour per folder',
})
