/** `npx cdk synth --context config=config.ts`; without one, the example. `npm run synth` does it without the CDK's command line. */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { App } from 'aws-cdk-lib'
import { buildApp } from './build-app.js'
import type { InfraConfig } from './config.js'

const file = new App().node.tryGetContext('config') ?? process.env.MILLCOURSE_INFRA_CONFIG ?? 'config.example.ts'
const { config } = (await import(pathToFileURL(resolve(file)).href)) as { config: InfraConfig }
// The CDK's command line names its own folder; without one the app would take a temporary one that goes when it ends.
const { app } = buildApp(config, { outdir: process.env.CDK_OUTDIR ?? 'cdk.out' })
console.log(app.synth().directory)
