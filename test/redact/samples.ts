/** Random logs and secrets, by seed, such as real runs and organizations have them. */
import { seeded } from './reference.ts'

type Random = () => number

const LOWER = 'abcdefghijklmnopqrstuvwxyz'
const DIGITS = '0123456789'
const LETTERS = LOWER + LOWER.toUpperCase() + DIGITS

/** Text such as runs print: builds, access logs, JSON lines, traces, hashes. */
export function logText(seed: number, bytes: number): string {
  const random = seeded(seed)
  const lines: string[] = []
  for (let length = 0; length < bytes;) {
    const line = `${LINES[below(random, LINES.length)]?.(random)}\n`
    lines.push(line)
    length += line.length
  }
  return lines.join('')
}

/** As an organisation has them: tokens, passwords, keys, connection strings; 4 % with several lines, 1 % PEM. */
export function ordinarySecrets(seed: number, count: number): string[] {
  const random = seeded(seed ^ 0x5ec2e7)
  return Array.from(
    { length: count },
    (_, index) => SECRETS[SHARES[index % SHARES.length] ?? 0]?.(random) ?? '',
  )
}

const LINES: readonly ((random: Random) => string)[] = [
  (r) =>
    `${time(r)} INFO  [worker-${below(r, 32)}] ${pick(r, WORDS)} ${pick(r, WORDS)} took ${below(r, 900)} ms`,
  (r) =>
    `10.0.${below(r, 256)}.${below(r, 256)} - - [${time(r)}] "GET /api/v1/${pick(r, WORDS)}/${below(r, 100_000)}?page=${below(r, 20)} HTTP/1.1" 200 ${below(r, 60_000)} "-" "curl/8.5.0"`,
  (r) =>
    `{"level":"info","ts":"${time(r)}","msg":"${pick(r, WORDS)} ${pick(r, WORDS)}","request_id":"${text(r, '0123456789abcdef', 32)}","status":${200 + below(r, 300)}}`,
  (r) => `Step ${below(r, 20)}/20 : RUN npm ci --no-audit && npm run ${pick(r, WORDS)}`,
  (r) => ` ---> ${text(r, '0123456789abcdef', 12)}`,
  (r) => `commit ${text(r, '0123456789abcdef', 40)}`,
  (r) => `    at ${pick(r, WORDS)} (/app/src/${pick(r, WORDS)}.ts:${below(r, 400)}:${below(r, 80)})`,
  (r) =>
    `added ${below(r, 900)} packages from ${pick(r, WORDS)}@${below(r, 20)}.${below(r, 20)}.${below(r, 20)} in ${below(r, 60)}s`,
  (r) =>
    `✓ ${pick(r, WORDS)} › ${pick(r, WORDS)} should ${pick(r, WORDS)} the ${pick(r, WORDS)} (${below(r, 300)} ms)`,
  (r) => `[${'='.repeat(below(r, 40))}>${' '.repeat(below(r, 40))}] ${below(r, 100)}%`,
]

const SECRETS: readonly ((random: Random) => string)[] = [
  (r) => text(r, LETTERS, 12 + below(r, 36)),
  (r) => `ghp_${text(r, LETTERS, 36)}`,
  (r) => text(r, `${LETTERS}!@#$%^&*()-_=+[]{};:'"<>,./?`, 10 + below(r, 20)),
  (r) => text(r, '0123456789abcdef', 32 + 32 * below(r, 2)),
  (r) => `${text(r, `${LETTERS}+/`, 43)}=`,
  (r) =>
    `postgres://app:${text(r, LETTERS, 20)}@db-${below(r, 9)}.internal:5432/${pick(r, WORDS)}?sslmode=require`,
  (r) =>
    JSON.stringify({ user: text(r, LOWER, 8), password: text(r, LETTERS, 24), region: 'eu-1' }, undefined, 2),
  (r) => pem(r),
]
/** Which of `SECRETS`, over and over: 100 of them. */
const SHARES = [...Array(95).keys()].map((index) => index % 6).concat(6, 6, 6, 6, 7)

const WORDS =
  'build deploy worker session request cache queue index user order invoice payment report schema migrate render upload replica cluster token pipeline service health retry timeout database connection handler module package resolve compile bundle asset'.split(
    ' ',
  )

function pem(random: Random): string {
  const lines = Array.from({ length: 26 }, () => text(random, `${LETTERS}+/`, 64))
  return `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`
}

function time(random: Random): string {
  return new Date(1_790_000_000_000 + below(random, 1_000_000_000)).toISOString()
}

function text(random: Random, alphabet: string, length: number): string {
  return Array.from({ length }, () => alphabet[below(random, alphabet.length)]).join('')
}

function pick(random: Random, from: readonly string[]): string {
  return from[below(random, from.length)] ?? ''
}

function below(random: Random, bound: number): number {
  return Math.floor(random() * bound)
}
