/** A driver with volumes as plain folders, and no tasks, for the tests of resources. */
import { cp, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Driver } from '../../../../src/server/runs/drivers/driver-interface.ts'

/** Volumes as plain folders, and nothing else of a driver. */
export function folderDriver(root: string): Driver {
  const place = (runId: string, volume: string, path = '.') => join(root, runId, volume, path)
  return {
    name: 'folders',
    refuse() {},
    run: no,
    reattach: no,
    openSandbox: no,
    hasSandbox: no,
    closeSandbox: no,
    createVolume: async (runId, volume) => void (await mkdir(place(runId, volume), { recursive: true })),
    importFolder: async ({ runId, volume, path }, folder) => {
      await cp(folder, place(runId, volume, path), { recursive: true, verbatimSymlinks: true })
    },
    exportFolder: async ({ runId, volume, path }, folder) => {
      await cp(place(runId, volume, path), folder, { recursive: true, verbatimSymlinks: true })
    },
    cleanUp: async () => {},
    sweep: async () => {},
    close: async () => {},
  }
}

function no(): Promise<never> {
  return Promise.reject(new Error('these tests have no tasks'))
}
