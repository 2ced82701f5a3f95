/** A process with the native driver, which tests of reattachment kill. */
import { join } from 'node:path'
import { systemClock } from '../../../../src/platform/clock.ts'
import type { Driver } from '../../../../src/server/runs/drivers/driver-interface.ts'
import { createNativeDriver } from '../../../../src/server/runs/drivers/native-driver.ts'
import { actAsServer } from './act-as-server.ts'

const TASKS_COMMAND = [process.execPath, join(import.meta.dir, '../../../../src/main.ts'), '__tasks']

export async function openNative(folder: string): Promise<Driver> {
  return createNativeDriver({ dataDir: folder, clock: systemClock, graceMs: 1000, command: TASKS_COMMAND })
}

if (import.meta.main) await actAsServer(openNative)
