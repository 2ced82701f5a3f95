/** The context of a login flow, for a test. */
import type { FlowContext, FlowUi } from '../../../src/flows/flow-types.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { type Lines, readLines } from '../../../src/platform/terminal/read-lines.ts'

export interface TestContext extends FlowContext {
  said: string[]
  /** Addresses that were drawn as QR codes. */
  drawn: string[]
  /** Resolves with the first thing said that fits. */
  heard(wanted: RegExp): Promise<string>
}

/** A context whose browser does what `visit` does with the address it is given. */
export function flowContext(
  visit: (url: string) => unknown,
  changes: Partial<Omit<FlowContext, 'ui'>> & { ui?: Partial<FlowUi> } = {},
): TestContext {
  const said: string[] = []
  const drawn: string[] = []
  let waiting: { wanted: RegExp; tell: (line: string) => void }[] = []
  const { ui, ...rest } = changes
  return {
    ui: {
      say: (line) => {
        said.push(line)
        for (const { wanted, tell } of waiting) if (wanted.test(line)) tell(line)
        waiting = waiting.filter(({ wanted }) => !wanted.test(line))
      },
      openUrl: async (url) => {
        void visit(url)
        return true
      },
      showQr: async (url) => void drawn.push(url),
      lines: undefined,
      remote: false,
      attended: true,
      ...ui,
    },
    clock: systemClock,
    fetch,
    signal: new AbortController().signal,
    timeoutMs: 10_000,
    said,
    drawn,
    heard: (wanted) => {
      const line = said.find((text) => wanted.test(text))
      if (line !== undefined) return Promise.resolve(line)
      return new Promise((tell) => waiting.push({ wanted, tell }))
    },
    ...rest,
  }
}

/** Lines that a test types, one after the other; `end` is the end of the input. */
export function typedLines(): { lines: Lines; type(text: string): void; end(): void } {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
  const writer = writable.getWriter()
  return {
    lines: readLines(() => readable),
    type: (text) => void writer.write(new TextEncoder().encode(`${text}\n`)),
    end: () => void writer.close(),
  }
}
