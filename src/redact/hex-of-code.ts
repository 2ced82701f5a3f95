/** How escapes write the code of a character. */

/** @returns the code of the first UTF-16 unit in hexadecimal, lower case, with at least so many digits. */
export function codeOf(unit: string, digits: number): string {
  return unit.charCodeAt(0).toString(16).padStart(digits, '0')
}

export function lower(code: string): string {
  return code
}

export function upper(code: string): string {
  return code.toUpperCase()
}
