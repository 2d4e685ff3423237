import { MillcourseError } from '../errors.js'

/** One table per view version: retiring is a drop, two versions live side by side. @throws MillcourseError CONFIG_INVALID */
export function onlineTableName(project: string, view: string, version: number): string {
  // The dot separates: names hold none.
  const name = `${onlineTablePrefix(project)}${view}.v${version}`
  if (!/^[A-Za-z0-9_-]+$/.test(project) || !/^[A-Za-z0-9_-]+$/.test(view) || name.length > 255)
    throw new MillcourseError('CONFIG_INVALID', `"${name}" is not a name for an online table`, {
      hint: 'projects and views are named with letters, digits, - and _, 255 in all',
      facts: { project, view },
    })
  return name
}

/** What the names of all tables of a project begin with, and of no other project's. */
export function onlineTablePrefix(project: string): string {
  return `millcourse.${project}.`
}
