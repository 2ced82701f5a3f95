/** The output of a benchmark: the median of a series, its range, and a check against a bound. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

/** One line: the median, between the least and the most. */
export function show(name: string, values: readonly number[], unit: string): void {
  const [middle, least, most] = [median(values), Math.min(...values), Math.max(...values)].map((value) =>
    value.toFixed(value < 100 ? 1 : 0),
  )
  console.log(
    `${name.padEnd(52)} ${middle?.padStart(7)} ${unit} (median of ${values.length}, ${least} to ${most})`,
  )
}

/** One line; where the bound does not hold, the program fails. */
export function check(name: string, value: number, relation: 'at most' | 'at least', bound: number): void {
  const held = relation === 'at most' ? value <= bound : value >= bound
  console.log(`${held ? '✓' : '✗'} ${name}: ${value.toFixed(2)} (${relation} ${bound})`)
  if (!held) process.exitCode = 1
}

/** Two lines: the other binary, and the median of the ratios of turns that followed each other. */
export function showBeside(
  name: string,
  [own, other]: [readonly number[], readonly number[]],
  unit: string,
): void {
  show(`${name}, the other binary`, other, unit)
  show(
    `${name}, this one / the other`,
    own.map((value, index) => value / (other[index] ?? Number.NaN)),
    'times',
  )
}
