/**
 * What a Schedule was last brought to, by its id: hundreds of them are then compared with one list of Temporal's, which tells neither their
 * policies nor their arguments. A mark is there only while nothing of ours may have changed its Schedule since.
 */
export interface ScheduleMarks {
  scheduleMarks(): Promise<ReadonlyMap<string, string>>
  /** Before they are changed: who is stopped meanwhile leaves Schedules without a mark, and they are asked for. */
  forgetScheduleMarks(ids: readonly string[]): Promise<void>
  keepScheduleMarks(marks: ReadonlyMap<string, string>): Promise<void>
}
