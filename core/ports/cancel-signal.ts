/** The part of the platform's AbortSignal that the ports use; stated here because core has neither DOM nor Node types. */
export interface CancelSignal {
  readonly aborted: boolean
  addEventListener(type: 'abort', listener: () => void): void
  removeEventListener(type: 'abort', listener: () => void): void
}
