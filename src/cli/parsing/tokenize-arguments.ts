/**
 * Arguments as POSIX and GNU write them (POSIX.1-2017 §12.2): `--name value`, `--name=value`, `-n value`,
 * `-nvalue`, `-abc`, and `--`, behind which all are words. Splits only; what a flag means is not known here.
 */
export type Token =
  | { kind: 'word'; value: string }
  /** `value` is undefined where none was given; `inline` says that it stood in the same argument. */
  | { kind: 'option'; name: string; rawName: string; value: string | undefined; inline: boolean }

/** @param takesValue whether an option of that name (long or one letter) takes a value; false when unknown */
export function* tokenize(argv: readonly string[], takesValue: (name: string) => boolean): Generator<Token> {
  let i = 0
  while (i < argv.length) {
    const arg = argv[i++] ?? ''
    if (arg === '--') {
      for (const value of argv.slice(i)) yield { kind: 'word', value }
      return
    }
    if (!arg.startsWith('-') || arg === '-') {
      yield { kind: 'word', value: arg }
      continue
    }
    const { options, wanting } = arg.startsWith('--') ? longOption(arg, takesValue) : letters(arg, takesValue)
    if (wanting !== undefined && i < argv.length) wanting.value = argv[i++]
    yield* options
  }
}

export type OptionToken = Extract<Token, { kind: 'option' }>

interface Read {
  options: OptionToken[]
  /** The option whose value is the next argument. */
  wanting: OptionToken | undefined
}

function longOption(arg: string, takesValue: (name: string) => boolean): Read {
  const equals = arg.indexOf('=')
  const rawName = equals < 0 ? arg : arg.slice(0, equals)
  const name = rawName.slice(2)
  const inline = equals >= 0
  const option = optionToken(name, rawName, inline ? arg.slice(equals + 1) : undefined)
  return { options: [option], wanting: !inline && takesValue(name) ? option : undefined }
}

/** `-abc`: switches, up to the first letter that takes a value or has an "=" behind it: its value is what is left. */
function letters(arg: string, takesValue: (name: string) => boolean): Read {
  const options: OptionToken[] = []
  for (let i = 1; i < arg.length; i++) {
    const name = arg[i] ?? ''
    const isSwitch = !takesValue(name)
    if (isSwitch && arg[i + 1] !== '=') {
      options.push(optionToken(name, `-${name}`, undefined))
      continue
    }
    const rest = arg.slice(i + 1).replace(/^=/, '')
    const option = optionToken(name, `-${name}`, rest === '' && !isSwitch ? undefined : rest)
    return { options: [...options, option], wanting: option.value === undefined ? option : undefined }
  }
  return { options, wanting: undefined }
}

function optionToken(name: string, rawName: string, value: string | undefined): OptionToken {
  return { kind: 'option', name, rawName, value, inline: value !== undefined }
}
