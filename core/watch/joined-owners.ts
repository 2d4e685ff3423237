/**
 * Whom an incident hits, as one text for people. A name may have a comma of its own: the space after that one does not break, so that names can be
 * told apart again.
 */
const between = ', '
const within = ',\u00a0'

export function joinOwners(owners: readonly string[]): string {
  return owners.map((owner) => owner.replaceAll(between, within)).join(between)
}

export function splitOwners(text: string): string[] {
  return text
    .split(between)
    .filter((owner) => owner !== '')
    .map((owner) => owner.replaceAll(within, between))
}
