// A browser without a window: follows redirects, keeps cookies, and tells where it got stuck.
export async function browse(url) {
  const cookies = new Map();
  for (let hops = 0, at = new URL(url); hops < 20; hops++) {
    const jar = cookies.get(at.host) ?? new Map();
    cookies.set(at.host, jar);
    const response = await fetch(at, { redirect: "manual", headers: { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join("; ") } });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie);
      jar.set(name, value);
    }
    const next = response.headers.get("location");
    if (!next) {
      const text = await response.text();
      if (response.ok) return text;
      throw new Error(`The page at ${at.origin}${at.pathname} says ${response.status}: ${text.slice(0, 300)}`);
    }
    at = new URL(next, at);
  }
  throw new Error(`Redirected in circles, from ${url}`);
}

if (process.argv[1] === new URL(import.meta.url).pathname) await browse(process.argv[2]);
