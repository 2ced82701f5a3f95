/** Secrets in every encoding, split anywhere, and as real programs print them: no leaks, no false hits. */
import { describe, expect, test } from 'bun:test'
import { formsOf } from '../../src/redact/secret-forms.ts'
import { Secret } from '../../src/redact/secret.ts'
import { ENCODINGS, fuzz, MARK, redactorFor } from './fuzz.ts'

const SEED = Number(process.env.TEST_SEED ?? Date.now() % 1_000_000)

const SECRETS: Record<string, string> = {
  'a token': 'ghp_x7Qz0123456789abcdefGHIJ',
  'a password': 'p4/s+w=rd "q\'x\\y<&>é€🔑 $HOME`!',
  'a short password': 'hunt/2',
  'a value with a line end': 'canary-value\n',
  'several lines': '{\n  "user": "admin",\n  "pass": "s3cr/t+x"\n}\n',
  'lines that end in CRLF': 'first line of it\r\nsecond <line> of it\r\n',
  'the middle of the mark': 'REDACTED',
  'the stars of the mark and more': '***REDACTED***-canary',
  'a value of one letter': 'aaaaaaaa',
  'a value longer than a line of base64': '0123456789 abcdefghij/'.repeat(9),
}

describe('S60, S61: nothing of a value shows, in any encoding, wherever the output is cut', () => {
  describe.each(Object.entries(SECRETS))('%s', (_, value) => {
    test.each(Object.entries(ENCODINGS))('as %s', (_name, encode) => {
      const { text, needles } = encode(value, 'k= ', ' ;z')
      const bytes = Buffer.from(text)
      const all = redactorFor([value])
      for (let cut = 0; cut <= bytes.length; cut++) {
        const stream = all.stream()
        const out = Buffer.concat(stream.push(bytes.slice(0, cut)))
        const rest = [...stream.push(bytes.slice(cut)), ...stream.end()]
        const shown = Buffer.concat([out, ...rest]).toString()
        for (const part of shown.split(MARK)) {
          for (const needle of needles)
            expect({ cut, leaks: part.includes(needle), shown }).toMatchObject({ leaks: false })
        }
      }
    })
  })
})

/** What real programs make of a value in `$V`: `what` is shown of the value when nothing is. */
const PROGRAMS: [command: string, value: string, gives: string][] = [
  ['printf %s "$V" | base64 -w0', 'canary+value/1', MARK],
  ['printf %s "$V" | base64', 'canary-'.repeat(30), `${MARK}\n`.repeat(4)],
  ['printf %s "$V" | od -An -v -tx1 | tr -d " \\n"', 'canary value', MARK],
  ['printf %q "$V"', 'a canary; $(echo) & "more" {x,y}', MARK],
  ['printf %q "$V"', "a canary\nwith lines, tabs\t and 'quotes'", `$'${MARK}'`],
  ['LC_ALL=C; printf %q "$V"', "canary 'ä€'", `$'${MARK}'`],
  ['echo $V', 'a canary\n  on several\n\tlines', `${MARK}\n`],
  ['echo "$V"', 'a canary\nand more', `${MARK}\n`],
  ['bash -xc \': "$V"\' 2>&1', "it's a canary", `+ : '${MARK}'\n`],
  ['python3 -c "import os,json; print(json.dumps(os.environ[\'V\']))"', 'a "canary" é/\n', `"${MARK}\\n"\n`],
  ['python3 -c "import os,html; print(html.escape(os.environ[\'V\']))"', `<canary a='1' b="2">`, `${MARK}\n`],
  ['python3 -c "import os,shlex; print(shlex.quote(os.environ[\'V\']))"', "it's a canary", `'${MARK}'\n`],
  [
    "python3 -c \"import os,urllib.parse as u; print(u.quote(os.environ['V']), u.quote_plus(os.environ['V']))\"",
    'a canary/with?all&of=it~é',
    `${MARK} ${MARK}\n`,
  ],
  ['python3 -c "import os; print(os.environb[b\'V\'])"', 'canary ä€\n', `b'${MARK}\\n'\n`],
  ['python3 -c "import os; print(repr(os.environ[\'V\']))"', "a 'canary'\t\x1b", `"${MARK}"\n`],
]

describe('what real programs print of a value', () => {
  test.each(PROGRAMS)('%s', (command, value, gives) => {
    const { stdout } = Bun.spawnSync(['bash', '-c', command], { env: { ...process.env, V: value } })
    expect(redactorFor([value]).text(stdout.toString())).toBe(gives)
  })
})

describe('what is not derived', () => {
  test('encodings and lines under 6 bytes', () => {
    for (const value of ['abcd', 'ab\ncd\nefgh', 'a b']) {
      for (const form of formsOf(new Secret(value))) {
        expect({ form, ok: form.length >= 6 || form === value }).toMatchObject({ ok: true })
      }
    }
  })

  test('the same form twice, and none that is only white space', () => {
    const forms = [...formsOf(new Secret('hunter22\n\n          \nhunter22'))]
    expect(forms.filter((form) => form.trim() === '')).toEqual([])
    expect(new Set(forms).size).toBe(forms.length)
  })
})

test('S60, S62: 10,000 random cases leak nothing and hide nothing else', () => {
  for (let group = 0; group < 40; group++) {
    expect({ seed: SEED, finding: fuzz(SEED, group) }).toEqual({ seed: SEED, finding: undefined })
  }
})
