/** Commands that run now and then: `aws ecs run-task` with the command to run; the backup by itself, daily. */
import { SecurityGroup, SubnetType } from 'aws-cdk-lib/aws-ec2'
import { Schedule, ScheduleExpression, ScheduleTargetInput } from 'aws-cdk-lib/aws-scheduler'
import { EcsRunFargateTask } from 'aws-cdk-lib/aws-scheduler-targets'
import type { Construct } from 'constructs'
import { ProcessTask } from './process-task.js'
import { admit, type Place } from './services.js'

export interface OperatorTasks {
  readonly backup: ProcessTask
  readonly group: SecurityGroup
}

/** Definitions and training sets are read in the process, so an operator's commands get a worker's memory. */
export function buildOperatorTasks(scope: Construct, place: Place): OperatorTasks {
  const { config, data } = place
  const group = new SecurityGroup(scope, 'OperatorGroup', { vpc: data.vpc, description: 'millcourse commands' })
  admit(scope, 'OperatorToPostgres', data.database.group, group, 5432)
  const small = { cpu: 512, memoryMiB: 1024, isService: false }
  const large = { ...config.worker, isService: false }
  const add = (props: ConstructorParameters<typeof ProcessTask>[3]) => new ProcessTask(scope, config, data, props)
  add({ name: 'migrate', command: ['migrate'], ...small })
  add({ name: 'operator', command: ['plan', '--repo', 'repo'], ...large })
  if (config.piiViews.length > 0) add({ name: 'operator-pii', command: ['plan', '--repo', 'repo'], ...large })
  add({ name: 'restore', command: ['restore', '--help'], ...small })
  const backup = add({
    name: 'backup',
    command: ['backup', '--out', `s3://${data.backups.bucketName}/${config.project}`],
    ...small,
  })
  scheduleDaily(scope, place, backup, group)
  return { backup, group }
}

function scheduleDaily(
  scope: Construct,
  { config, cluster }: Place,
  { task }: ProcessTask,
  group: SecurityGroup,
): void {
  const [hour, minute] = config.backup.at.split(':').map(Number)
  new Schedule(scope, 'BackupSchedule', {
    description: 'Registry and ledger, daily',
    schedule: ScheduleExpression.cron({ hour: String(hour), minute: String(minute) }),
    target: new EcsRunFargateTask(cluster, {
      taskDefinition: task,
      securityGroups: [group],
      vpcSubnets: { subnetType: SubnetType.PRIVATE_WITH_EGRESS },
      input: ScheduleTargetInput.fromObject({}),
    }),
  })
}
