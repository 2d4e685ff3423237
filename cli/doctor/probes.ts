/** What `doctor` asks for and writes: names that the roles of infra/ let an operator have. */
import { onlineTableName } from '../../core/publish/online-table-name.js'

/** No view's: whether there is such a table does not matter, only whether the endpoint answers. */
export function tableProbe(project: string): string {
  return onlineTableName(project, 'doctor', 0)
}

/** Among the training sets, where operators write; another one each time. */
export function lakeProbe(processId: number, now: bigint): string {
  return `training-sets/doctor-${processId}-${now}`
}
