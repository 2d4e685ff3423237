#!/usr/bin/env node
/**
 * Where a command line begins. Commands that a person waits for come from few files (`workers/command-bundle.ts`): loading modules one by
 * one took most of their time. Processes that last, and drills, which look for files beside their own, come from the modules themselves.
 */
import { existsSync } from 'node:fs'

/** An argument of the same spelling only costs the time that the bundle saves. */
const lastingCommands = ['dev', 'worker', 'watcher', 'server', 'drill']

/** Absent beside the sources. */
const bundled = new URL('../bundled/cli/command-process.js', import.meta.url)
const isLasting = process.argv.slice(2).some((word) => lastingCommands.includes(word))
if (!isLasting && existsSync(bundled)) await import(bundled.href)
else await import('./command-process.js')
