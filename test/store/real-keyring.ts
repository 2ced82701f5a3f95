/** Run by `credential-store.test.ts` under a real gnome-keyring: the contract with the system's own keychain. */
import { systemClock } from '../../src/platform/clock.ts'
import { openStore } from '../../src/store/open-store.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { storeContract } from './contract.ts'

storeContract('real keychain', 'keychain', () => {
  const home = temporaryFolder()
  return openStore({ home, env: { FOB_HOME: home }, authConfig: undefined, clock: systemClock })
})
