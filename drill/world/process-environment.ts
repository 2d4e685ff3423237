/** What the product's processes of a drill get of ours: nothing that names a part of another stack, or a right on one. */
const kept =
  /^(PATH|HOME|LANG|LC_.*|TMPDIR|TMP|TEMP|USER|LOGNAME|XDG_.*|GOPATH|GOCACHE|GOFLAGS|GOPROXY|MILLCOURSE_HTTPFS)$/

export function processEnvironment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && kept.test(entry[0]),
    ),
  )
}
