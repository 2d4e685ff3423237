/** Profile → verdict. */
export { judgeProfile } from './judge-profile.js'
export { buildProfileQueries, emptyProfile, type ProfileQueries, profileFrom } from './profile-query.js'
export { compareProfiles, type ProfileShift } from './profile-shifts.js'
export type { ColumnProfile, Finding, Profile, Verdict } from './verdict.js'
