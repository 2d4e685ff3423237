/**
 * Loaded before a process of the product (`node --import`), as libfaketime is: its clock is off by `DRILL_CLOCK_SKEW_MS`. Code of the product knows
 * nothing of it; what it has of native code keeps the machine's clock.
 */
const skewMs = Number(process.env.DRILL_CLOCK_SKEW_MS ?? 0)
const TrueDate = Date

class SkewedDate extends TrueDate {
  constructor(...given: unknown[]) {
    super(...((given.length === 0 ? [TrueDate.now() + skewMs] : given) as [number]))
  }
  static override now(): number {
    return TrueDate.now() + skewMs
  }
}

globalThis.Date = SkewedDate as DateConstructor
