import fc from 'fast-check'

/** A mutant is dead with the first case that fails: nobody reads the smallest one, and looking for it takes a minute and a half. */
fc.configureGlobal({ ...fc.readConfigureGlobal(), endOnFailure: true })
