/** What the program needs of `fetch`, so that a test can put a plain function in its place. */
export type Fetch = (url: string, init?: RequestInit) => Promise<Response>
