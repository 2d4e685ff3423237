/** Globs over paths with `/`: `*` and `?` stay within a segment, `**` spans any number of them, `[abc]` and `[a-z]` are one character. */

/** What every match begins with: up to the last `/` before the first special character. */
export function globPrefix(glob: string): string {
  const special = glob.search(/[*?[]/)
  return special < 0 ? glob : glob.slice(0, glob.lastIndexOf('/', special) + 1)
}

export function globPattern(glob: string): RegExp {
  let pattern = ''
  for (let at = 0; at < glob.length; ) {
    const rest = glob.slice(at)
    const bracket = /^\[(!?)([^\]/]+)\]/.exec(rest)
    if (rest.startsWith('**/')) {
      pattern += '(?:[^/]+/)*'
      at += 3
    } else if (rest.startsWith('**')) {
      pattern += '.*'
      at += 2
    } else if (bracket) {
      pattern += `[${bracket[1] ? '^/' : ''}${bracket[2]!.replaceAll(/[\\^\]]/g, '\\$&')}]`
      at += bracket[0].length
    } else {
      pattern += { '*': '[^/]*', '?': '[^/]' }[rest[0]!] ?? escaped(rest[0]!)
      at += 1
    }
  }
  return new RegExp(`^${pattern}$`, 's')
}

function escaped(character: string): string {
  return character.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
}
