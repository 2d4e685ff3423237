import { Duration, RemovalPolicy } from 'aws-cdk-lib'
import { BlockPublicAccess, Bucket, BucketEncryption, type BucketProps, ObjectOwnership } from 'aws-cdk-lib/aws-s3'
import type { Construct } from 'constructs'
import type { InfraConfig } from './config.js'

/** Closed, encrypted, TLS only, versioned, kept when the stack goes. */
const closed: BucketProps = {
  blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
  encryption: BucketEncryption.S3_MANAGED,
  enforceSSL: true,
  minimumTLSVersion: 1.2,
  objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
  versioned: true,
  removalPolicy: RemovalPolicy.RETAIN,
}

/** How long a deleted file of the lake can be had back. */
const undeleteDays = 14

/**
 * A committed file is never rewritten, so versions cost nothing until one is deleted; then they are the way back, because the ledger
 * still names the file. Candidates are moved on every run: their old versions go after a day. Which of them go at all is the product's
 * word, which knows who can still be accepted (MILLCOURSE_KEEP_CANDIDATES): no rule here looks at age alone.
 */
export function buildLakeBucket(scope: Construct, { lake }: InfraConfig): Bucket {
  const below = (folder: string) => `${lake.prefix}/${folder}/`
  return new Bucket(scope, 'Lake', {
    ...closed,
    lifecycleRules: [
      {
        id: 'candidates',
        prefix: below('candidates'),
        noncurrentVersionExpiration: Duration.days(1),
      },
      {
        id: 'quarantine',
        prefix: below('quarantine'),
        noncurrentVersionExpiration: Duration.days(1),
      },
      {
        // A writer that died in the middle of a file leaves parts that no listing shows and that cost like files.
        id: 'unfinished-uploads',
        abortIncompleteMultipartUploadAfter: Duration.days(2),
      },
      {
        id: 'deleted-files',
        noncurrentVersionExpiration: Duration.days(undeleteDays),
        expiredObjectDeleteMarker: true,
      },
    ],
  })
}

/** Apart from the lake: what deletes one must not reach the other. */
export function buildBackupBucket(scope: Construct, { backup }: InfraConfig): Bucket {
  return new Bucket(scope, 'Backups', {
    ...closed,
    lifecycleRules: [
      {
        id: 'kept',
        expiration: Duration.days(backup.keptDays),
        noncurrentVersionExpiration: Duration.days(undeleteDays),
        abortIncompleteMultipartUploadAfter: Duration.days(2),
      },
    ],
  })
}
