/** SQL files, which the bundler embeds as text. */
declare module '*.sql' {
  const text: string
  export default text
}
