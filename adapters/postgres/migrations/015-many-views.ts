/**
 * What hundreds of views with years of runs need: what each Schedule was last brought to (core/ports/schedule-marks.ts), and indexes for pages
 * of one view's runs, for those of its runs that are not simply done, and for what is re-opened. A release before asks for each Schedule, and
 * leaves the marks as they were.
 */
export const manyViews: readonly string[] = [
  `create table schedule_marks (schedule_id text primary key, mark text not null)`,
  `create index runs_listed on runs (view, ordinal desc)`,
  `create index runs_not_done on runs (view, ordinal desc) where outcome <> 'done'`,
  `create index intervals_reopened on intervals (view, version) where reopened_because is not null`,
]
