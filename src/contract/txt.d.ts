/** Text files that the build embeds. */
declare module '*.txt' {
  const text: string
  export default text
}
