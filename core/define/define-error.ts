/**
 * A mistake in a definition as a type: where a value would be taken, this stands instead, so that the compiler prints the
 * sentence. Nothing has this type at run time. The messages are held by test/types.
 */
export interface DefineError<Message extends string> {
  readonly millcourseDefineError: Message
}
