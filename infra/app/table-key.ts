/**
 * The customer's KMS key of the online tables. DynamoDB uses it in the name of whoever asks, so a role without rights to it is refused
 * at tables that it may read otherwise. Every right is for use by way of DynamoDB alone; the key's own policy has to leave these
 * decisions to IAM, as the one does that KMS gives a new key.
 */
import { PolicyStatement } from 'aws-cdk-lib/aws-iam'
import type { InfraConfig } from './config.js'
import type { RoleName } from './process-roles.js'

/** Who reads items, and who also makes tables; the others ask DynamoDB for nothing. */
const usage: Readonly<Record<RoleName, 'make' | 'read' | 'none'>> = {
  worker: 'make',
  server: 'read',
  'server-pii': 'read',
  operator: 'read',
  'operator-pii': 'read',
  restore: 'read',
  watcher: 'none',
  migrate: 'none',
  backup: 'none',
}

const reading = ['kms:Decrypt', 'kms:DescribeKey']
/** What DynamoDB asks of whoever makes a table under a key. */
const making = [
  'kms:Encrypt',
  'kms:ReEncryptFrom',
  'kms:ReEncryptTo',
  'kms:GenerateDataKey',
  'kms:GenerateDataKeyWithoutPlaintext',
]

export function tableKeyStatements(
  name: RoleName,
  { region, tableKeyArn }: Pick<InfraConfig, 'region' | 'tableKeyArn'>,
  urlSuffix: string,
): PolicyStatement[] {
  if (tableKeyArn === undefined || usage[name] === 'none') return []
  const viaDynamoDb = { 'kms:ViaService': `dynamodb.${region}.${urlSuffix}` }
  const use = new PolicyStatement({
    sid: 'UseTableKey',
    actions: usage[name] === 'make' ? [...reading, ...making] : reading,
    resources: [tableKeyArn],
    conditions: { StringEquals: viaDynamoDb },
  })
  if (usage[name] === 'read') return [use]
  // DynamoDB keeps a grant for its own upkeep of the table: it may be given to an AWS service only.
  const grant = new PolicyStatement({
    sid: 'GrantTableKey',
    actions: ['kms:CreateGrant'],
    resources: [tableKeyArn],
    conditions: { StringEquals: viaDynamoDb, Bool: { 'kms:GrantIsForAWSResource': 'true' } },
  })
  return [use, grant]
}
