/** The example, synthesised once, and its templates with references made readable. */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Template } from 'aws-cdk-lib/assertions'
import type { CloudAssembly } from 'aws-cdk-lib/cx-api'
import { buildApp } from '../app/build-app.js'
import type { InfraConfig } from '../app/config.js'
import { config as example } from '../config.example.js'

export interface Resource {
  readonly stack: 'data' | 'services'
  readonly id: string
  readonly type: string
  /** References resolved: `${LogicalId}`, ARNs of buckets as ARNs. */
  readonly properties: Record<string, unknown>
}

export interface Synthesised {
  readonly config: InfraConfig
  readonly outdir: string
  readonly assembly: CloudAssembly
  readonly data: Template
  readonly services: Template
  readonly resources: readonly Resource[]
  ofType(type: string): readonly Resource[]
}

let kept: Synthesised | null = null

export function synthesisedExample(): Synthesised {
  kept ??= synthesise(example)
  return kept
}

export function synthesise(config: InfraConfig): Synthesised {
  const outdir = mkdtempSync(join(tmpdir(), 'millcourse-infra-'))
  const { app, data, services } = buildApp(config, { outdir })
  const assembly = app.synth()
  const templates = { data: Template.fromStack(data), services: Template.fromStack(services) }
  const exported = exportsOf(templates.data.toJSON())
  const resources = (['data', 'services'] as const).flatMap((stack) =>
    Object.entries<{ Type: string; Properties?: unknown }>(templates[stack].toJSON().Resources).map(
      ([id, { Type, Properties }]): Resource => ({
        stack,
        id,
        type: Type,
        properties: resolved(Properties ?? {}, exported) as Record<string, unknown>,
      }),
    ),
  )
  return {
    config,
    outdir,
    assembly,
    ...templates,
    resources,
    ofType: (type) => resources.filter((r) => r.type === type),
  }
}

type Exports = ReadonlyMap<string, unknown>

function exportsOf(template: { Outputs?: Record<string, { Value: unknown; Export?: { Name: string } }> }): Exports {
  return new Map(
    Object.values(template.Outputs ?? {}).flatMap(({ Value, Export }) =>
      Export ? [[Export.Name, Value] as const] : [],
    ),
  )
}

const pseudo: Readonly<Record<string, string>> = {
  'AWS::Partition': 'aws',
  'AWS::URLSuffix': 'amazonaws.com',
  'AWS::Region': 'eu-central-1',
  'AWS::AccountId': '111122223333',
}

function resolved(value: unknown, exported: Exports): unknown {
  if (Array.isArray(value)) return value.map((part) => resolved(part, exported))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value)
  const [name, inner] = entries[0] ?? []
  if (entries.length === 1) {
    if (name === 'Ref') return pseudo[inner as string] ?? `\${${inner}}`
    if (name === 'Fn::GetAtt') {
      const [id, attribute] = inner as [string, string]
      return attribute === 'Arn' && /^(Lake|Backups)/.test(id) ? `arn:aws:s3:::\${${id}}` : `\${${id}.${attribute}}`
    }
    if (name === 'Fn::ImportValue') return resolved(exported.get(inner as string), exported)
    if (name === 'Fn::Join') {
      const [separator, parts] = inner as [string, unknown[]]
      return parts.map((part) => resolved(part, exported)).join(separator)
    }
  }
  return Object.fromEntries(entries.map(([key, part]) => [key, resolved(part, exported)]))
}
