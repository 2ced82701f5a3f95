import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describeDriver } from './contract.ts'
import { openNative } from './native-process.ts'

describeDriver({
  name: 'native',
  image: undefined,
  can: {
    user: false,
    limits: false,
    absolutePaths: false,
    endsSessions: process.platform === 'linux',
    slowsTasksDown: true,
    takeUp: process.platform !== 'win32',
  },
  startMs: 300,
  open: openNative,
  processEntry: 'native-process.ts',
  leftOf: async (folder, runId) => [join(folder, 'runs', runId)].filter((path) => existsSync(path)),
})
