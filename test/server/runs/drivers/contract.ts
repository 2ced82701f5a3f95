/** The contract of drivers: tests that every driver must pass, in the parts that this file joins. */
import { describe } from 'bun:test'
import type { Driver } from '../../../../src/server/runs/drivers/driver-interface.ts'
import { describeEnds } from './contract-ends.ts'
import { describeOutput } from './contract-output.ts'
import { describeSandboxes } from './contract-sandboxes.ts'
import { describeReattach } from './contract-reattach.ts'
import { describeTasks } from './contract-tasks.ts'
import { describeVolumes } from './contract-volumes.ts'

/** What a driver is asked to show that it does; what it does not, it has to refuse by name. */
interface Capabilities {
  /** `command.user` */
  user: boolean
  limits: boolean
  /** Mounts and working folders outside the task's own folder. */
  absolutePaths: boolean
  /** What a task left in a session of its own (`setsid`) ends with it. */
  endsSessions: boolean
  /** A task whose output nobody takes waits with it. */
  slowsTasksDown: boolean
  reattach: boolean
  /** A task in a sandbox is not taken up, but ended: of its output nothing is kept. */
  endsTasksInSandboxes?: true
}

/** One implementation of `Driver`, and how a test gets at it. */
export interface DriverWorld {
  name: string
  /** Has `sh`, `cat`, `seq`, `stat`, `setsid` and the like: busybox is enough. Undefined where it is ignored. */
  image: string | undefined
  can: Capabilities
  /** How long the driver may take to begin a task, at worst. */
  startMs: number
  /** As a server would have it, with a second between TERM and KILL. Each call is a server of the same `folder`. */
  open(folder: string): Promise<Driver>
  /** A program that calls `actAsServer(open)`: it is killed, to see what the next one finds. */
  processEntry: string
  /** The folder of this machine that a volume of a run is in. */
  folderOfVolume(folder: string, runId: string, volume: string): Promise<string>
  /** Whatever the machine still has of a run: paths, containers, volumes. */
  leftOf(folder: string, runId: string): Promise<string[]>
}

/** Everything that the daemon counts on, whatever the driver. */
export function describeDriver(world: DriverWorld): void {
  describe(`the ${world.name} driver`, () => {
    describeTasks(world)
    describeOutput(world)
    describeEnds(world)
    describeVolumes(world)
    describeSandboxes(world)
    if (world.can.reattach) describeReattach(world)
  })
}
