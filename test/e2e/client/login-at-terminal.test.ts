/** Logins at a pseudo-terminal: pasted codes, the browser and device flows, Ctrl-C, and the other prompts. */
import { describe, expect } from 'bun:test'
import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { shellScript } from '../../support/client/approving-browser.ts'
import { type Behaviour, startOAuthServer } from '../../support/servers/oauth-server.ts'
import { environment, FOB } from '../../support/client/compiled-binary.ts'
import { missingPart, testWith } from '../../support/real-parts/skip-without-part.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import {
  addressOn,
  inTerminal,
  missingTerminalPart,
  type Terminal,
} from '../../support/real-parts/terminal.ts'

/** `fob auth login` in a terminal, against a server that approves whatever is opened. */
function login(
  flags: readonly string[],
  {
    changes = {},
    user = '',
    ...options
  }: { changes?: Partial<Behaviour>; user?: string; columns?: number; env?: Record<string, string> } = {},
) {
  const server = startOAuthServer(changes)
  const home = temporaryFolder()
  const url = user === '' ? server.url : server.url.replace('://', `://${user}@`)
  const terminal = inTerminal(['auth', 'login', '-s', url, '--insecure-storage', ...flags], {
    home,
    ...options,
    env: { BROWSER: 'true', ...options.env },
  })
  const file = join(home, '.fob', 'credentials')
  return {
    [Symbol.asyncDispose]: server[Symbol.asyncDispose],
    server,
    terminal,
    stored: () => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).servers[server.url] : undefined),
  }
}

/** Approves in a browser on another machine: where it ends there. */
async function approve(terminal: Terminal): Promise<string> {
  const response = await fetch(addressOn(terminal.text()), { redirect: 'manual' })
  return response.headers.get('location') ?? ''
}

/** A PATH on which nothing opens a browser, and the program that has the pseudo-terminal is found. */
function onlyPython(): string {
  const folder = temporaryFolder()
  const real = Bun.spawnSync(['python3', '-c', 'import sys; print(sys.executable)']).stdout.toString().trim()
  symlinkSync(real, join(folder, 'python3'))
  return folder
}

const CTRL_C = '\u0003'
const CTRL_D = '\u0004'

const terminalTest = (title: string, run: () => Promise<void>) => testWith(missingTerminalPart(), title, run)

describe('--no-browser at a terminal', () => {
  terminalTest(
    'S217, S218: the address, what the dead page means, a paste with its marks, and it is done',
    async () => {
      await using world = login(['--no-browser'])
      const { terminal, stored } = world
      await terminal.saw('connection refused')
      await terminal.saw('Paste it here')
      terminal.type(`\u001b[200~"${await approve(terminal)}"\u001b[201~\n`)
      const { code, sane, text } = await terminal.ended
      expect([code, sane, stored()?.kind]).toEqual([0, true, 'oauth'])
      expect(text).toContain('as Ada Lovelace')
      expect(text).not.toContain('canary')
    },
  )

  for (const chars of [4000, 5000, 12_000]) {
    terminalTest(`a code of ${chars} characters arrives whole, and is shown in short`, async () => {
      await using world = login(['--no-browser'], { changes: { codeChars: chars } })
      const { terminal, stored } = world
      await terminal.saw('Paste it here')
      terminal.type(`\u001b[200~${await approve(terminal)}\u001b[201~\r`)
      const { code, sane, text } = await terminal.ended
      expect([code, sane, stored()?.kind]).toEqual([0, true, 'oauth'])
      expect(text).toMatch(/… \([0-9,]+ characters\)/)
      expect(text).not.toContain('x'.repeat(100))
    })
  }

  for (const [title, end] of [
    ['LF', '\n'],
    ['CRLF', '\r\n'],
  ] as const) {
    terminalTest(
      `an address that was wrapped into lines (${title}) is one answer and one try, with and without marks`,
      async () => {
        for (const [begin, close] of [
          ['\u001b[200~', '\u001b[201~'],
          ['', ''],
        ]) {
          await using world = login(['--no-browser'], { changes: { codeChars: 5000 } })
          const { terminal } = world
          await terminal.saw('Paste it here')
          const lines = (await approve(terminal)).match(/.{1,72}/g) ?? []
          terminal.type(`${begin}${lines.join(end)}${end}${close}`)
          const { code, sane, text } = await terminal.ended
          expect([code, sane, text.includes('tries left')]).toEqual([0, true, false])
        }
      },
    )
  }

  const missingTmux = missingPart(() => (Bun.which('tmux') === null ? 'tmux' : missingTerminalPart()))
  for (const codeChars of [4000, 5000, 12_000]) {
    testWith(missingTmux, `a paste of tmux with ${codeChars} characters arrives whole`, async () => {
      await using server = startOAuthServer({ codeChars })
      const [home, socket] = [temporaryFolder(), join(temporaryFolder(), 'tmux')]
      const { env } = environment({ home, env: { BROWSER: 'true' } })
      const tmux = (...args: string[]) =>
        Bun.spawnSync(['tmux', '-S', socket, '-f', '/dev/null', ...args], { env: { ...env, TERM: 'xterm' } })
      const command = `'${FOB}' auth login -s ${server.url} --no-browser --insecure-storage; echo "ended $?"; cat`
      tmux('new-session', '-d', '-x', '1000', '-y', '50', command)
      const screen = () => tmux('capture-pane', '-p').stdout.toString()
      const saw = async (text: string) => {
        while (!screen().includes(text)) await Bun.sleep(50)
      }
      try {
        await saw('Paste it here')
        const response = await fetch(addressOn(screen()), { redirect: 'manual' })
        const file = join(home, 'pasted')
        writeFileSync(file, response.headers.get('location') ?? '')
        tmux('load-buffer', file)
        tmux('paste-buffer', '-p')
        tmux('send-keys', 'Enter')
        await saw('ended')
        expect(screen()).toContain('ended 0')
        expect(screen()).toContain('characters)')
      } finally {
        tmux('kill-server')
      }
    })
  }

  terminalTest('Ctrl-U takes back what was typed', async () => {
    await using world = login(['--no-browser'])
    const { terminal } = world
    await terminal.saw('Paste it here')
    const address = await approve(terminal)
    terminal.type(`garbage\u0015${address}\r`)
    expect((await terminal.ended).code).toBe(0)
  })

  terminalTest('three tries, then exit 4, and the terminal is as it was', async () => {
    await using world = login(['--no-browser'])
    const { terminal, stored } = world
    await terminal.saw('Paste it here')
    terminal.type('not a code\n')
    await terminal.saw('2 tries left')
    terminal.type('\n\n  \n')
    terminal.type('code=x&state=y\n')
    await terminal.saw('the last try')
    terminal.type('unknown\n')
    const { code, sane, text } = await terminal.ended
    expect([code, sane, stored()]).toEqual([4, true, undefined])
    expect(text).toContain('no usable code in 3 tries')
  })

  terminalTest('Ctrl-C: exit 130, nothing stored, the terminal as it was', async () => {
    await using world = login(['--no-browser'])
    const { terminal, stored } = world
    await terminal.saw('Paste it here')
    terminal.type(`half a co${CTRL_C}`)
    const { code, sane } = await terminal.ended
    expect([code, sane, stored()]).toEqual([130, true, undefined])
  })

  terminalTest('Ctrl-D, the end of the input: exit 2', async () => {
    await using world = login(['--no-browser'])
    const { terminal } = world
    await terminal.saw('Paste it here')
    terminal.type(CTRL_D)
    const { code, sane } = await terminal.ended
    expect([code, sane]).toEqual([2, true])
  })

  terminalTest('--no-input: exit 2 at once', async () => {
    await using world = login(['--no-browser', '--no-input'])
    const { terminal } = world
    expect((await terminal.ended).code).toBe(2)
  })
})

describe('the browser flow at a terminal', () => {
  terminalTest('a pasted address does what the callback would', async () => {
    await using world = login([])
    const { terminal, stored } = world
    await terminal.saw('Is the browser on another machine?')
    terminal.type('nonsense here\n')
    await terminal.saw('That is not a code')
    terminal.type(`${await approve(terminal)}\n`)
    const { code, sane } = await terminal.ended
    expect([code, sane, stored()?.kind]).toEqual([0, true, 'oauth'])
  })

  terminalTest('the callback ends it while somebody types, and the terminal is as it was', async () => {
    await using world = login([])
    const { terminal } = world
    await terminal.saw('Is the browser on another machine?')
    terminal.type('half a line')
    await fetch(addressOn(terminal.text()))
    const { code, sane, text } = await terminal.ended
    expect([code, sane]).toEqual([0, true])
    expect(text).toContain('Logged in to')
  })

  terminalTest(
    'S216: where no browser can be opened the address stands there, and the listener still completes',
    async () => {
      await using world = login([], { env: { BROWSER: '', PATH: onlyPython() } })
      const { terminal } = world
      await terminal.saw('No browser could be opened here')
      await fetch(addressOn(terminal.text()))
      expect((await terminal.ended).code).toBe(0)
    },
  )

  terminalTest(
    '--no-input without a browser: exit 2 at once, naming --device and --token-stdin',
    async () => {
      await using world = login(['--no-input'], { env: { BROWSER: '', PATH: onlyPython() } })
      const { code, text } = await world.terminal.ended
      expect(code).toBe(2)
      expect(text).toMatch(/--device[^]*--token-stdin/)
    },
  )

  terminalTest('over SSH without a display: it says so, opens nothing, and takes the paste', async () => {
    const note = join(temporaryFolder(), 'opened')
    const opener = dirname(shellScript('')) // A folder of its own for the fake opener.
    await Bun.write(join(opener, 'xdg-open'), `#!/bin/sh\ntouch '${note}'\n`)
    Bun.spawnSync(['chmod', '+x', join(opener, 'xdg-open')])
    const env = {
      BROWSER: '',
      SSH_CONNECTION: '192.0.2.1 50000 192.0.2.2 22',
      PATH: `${opener}:${process.env.PATH}`,
    }
    await using world = login([], { env })
    const { terminal } = world
    await terminal.saw('over SSH without a display')
    await terminal.saw('connection refused')
    await terminal.saw('Paste it here')
    terminal.type(`${await approve(terminal)}\n`)
    const { code, sane } = await terminal.ended
    expect([code, sane, existsSync(note)]).toEqual([0, true, false])
    // With a display the same opener is used: the test would see it.
    const local = login([], { env: { ...env, DISPLAY: ':0' } })
    await local.terminal.saw('Waiting for your approval')
    while (!existsSync(note)) await Bun.sleep(5)
    await fetch(addressOn(local.terminal.text()))
    expect((await local.terminal.ended).code).toBe(0)
  })
})

describe('--device at a terminal', () => {
  const changes = { device: { interval: 1 }, polls: ['authorization_pending', 'ok'] }
  const blocks = /[█▀▄]{8}/

  terminalTest('R7, S41: the code, the address with the code in it, and a QR code', async () => {
    await using world = login(['--device'], { changes, columns: 100 })
    const { terminal, stored } = world
    const { code, sane, text } = await terminal.ended
    expect([code, sane, stored()?.kind]).toEqual([0, true, 'oauth'])
    expect(text).toContain('/device?user_code=WDJB-MJHT')
    expect(text).toContain('It shows the code WDJB-MJHT')
    expect(text).toMatch(blocks)
  })

  terminalTest('no QR code where the terminal is too narrow for it', async () => {
    await using world = login(['--device'], { changes, columns: 24 })
    const { terminal } = world
    const { code, text } = await terminal.ended
    expect([code, blocks.test(text)]).toEqual([0, false])
  })

  terminalTest('NO_COLOR holds for the QR code', async () => {
    await using world = login(['--device'], { changes, columns: 100, env: { NO_COLOR: '1' } })
    const { terminal } = world
    const { text } = await terminal.ended
    expect([blocks.test(text), text.includes('\u001b')]).toEqual([true, false])
  })

  terminalTest('Ctrl-C: exit 130', async () => {
    await using world = login(['--device'], { changes: { polls: [] } })
    const { terminal, stored } = world
    await terminal.saw('Waiting for your approval')
    terminal.type(CTRL_C)
    const { code, sane } = await terminal.ended
    expect([code, sane, stored()]).toEqual([130, true, undefined])
  })
})

describe('the other prompts', () => {
  const changes = { strategy: 'basic', basic: 'ada:canary-pass' } as const

  terminalTest('S8: a user in the address is asked for the password, which is not shown', async () => {
    await using world = login([], { changes, user: 'ada' })
    const { terminal, stored } = world
    await terminal.saw('password for ada')
    terminal.type('canary-pass\r')
    const { code, sane, text } = await terminal.ended
    expect([code, sane, stored()?.kind]).toEqual([0, true, 'basic'])
    expect(text).not.toContain('canary')
  })

  terminalTest('Ctrl-C at the password: exit 130, and the terminal shows again what is typed', async () => {
    await using world = login([], { changes, user: 'ada' })
    const { terminal, stored } = world
    await terminal.saw('password for ada')
    terminal.type(`canary${CTRL_C}`)
    const { code, sane, text } = await terminal.ended
    expect([code, sane, stored(), text.includes('canary')]).toEqual([130, true, undefined, false])
  })

  terminalTest('S222: --token-stdin at a terminal is exit 2', async () => {
    await using world = login(['--token-stdin'])
    const { terminal } = world
    const { code, sane, text } = await terminal.ended
    expect([code, sane, text.includes('reads from a pipe')]).toEqual([2, true, true])
  })
})
