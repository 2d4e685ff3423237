import { App, type AppProps, Tags } from 'aws-cdk-lib'
import type { InfraConfig } from './config.js'
import { DataStack } from './data-stack.js'
import { ServicesStack } from './services-stack.js'

export interface InfraApp {
  readonly app: App
  readonly data: DataStack
  readonly services: ServicesStack
}

/** Asks no account and downloads nothing: zones are named in the config, the image is referred to. */
export function buildApp(config: InfraConfig, props: AppProps = {}): InfraApp {
  const app = new App({ analyticsReporting: false, ...props })
  const env = { account: config.account, region: config.region }
  const name = `millcourse-${config.project.replaceAll('_', '-')}`
  const data = new DataStack(app, `${name}-data`, config, { env })
  const services = new ServicesStack(app, `${name}-services`, config, data, { env })
  Tags.of(app).add('millcourse:project', config.project)
  return { app, data, services }
}
