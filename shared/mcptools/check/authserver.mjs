// An identity provider that behaves as Microsoft Entra ID or as Amazon Cognito does towards
// an MCP client, on the certified oidc-provider: node authserver.mjs entra|cognito RESOURCE.
//
// The library does the protocol: codes, PKCE, tokens, keys. What stands here is how the two
// differ from what clients like to meet: no registration, a document of their own under one
// address only, no code_challenge_methods_supported, their own errors for a scope or resource
// that they do not know, their own claims, and a redirect URI that is compared in their way.
// Whoever is sent to sign in is signed in at once, as an Auditor.
//
// It prints the service's variables and the client's, one NAME=VALUE a line, once it listens.
import http from "node:http";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import Provider from "oidc-provider";

const [shape, resource] = process.argv.slice(2);
const server = http.createServer();
await new Promise((up) => server.listen(0, "127.0.0.1", up));
const port = server.address().port;
const origin = `http://127.0.0.1:${port}`;
const callbackPort = 8123; // what an administrator has registered, for hosts with a fixed port

// ── The two shapes ──
const tenant = "6babcaad-604b-40ac-a9d7-9fd97c0b779f";
const application = "00001111-aaaa-2222-bbbb-3333cccc4444"; // of the API, a GUID that tokens have in aud
const shapes = {
  entra: {
    issuer: `${origin}/${tenant}/v2.0`,
    discovery: `/${tenant}/v2.0/.well-known/openid-configuration`,
    paths: { authorize: `/${tenant}/oauth2/v2.0/authorize`, token: `/${tenant}/oauth2/v2.0/token`, keys: `/${tenant}/discovery/v2.0/keys` },
    endpoints: origin,
    clientId: "5555eeee-6666-ffff-7777-000088889999",
    // A mobile or desktop platform: a loopback redirect is registered without a port, and any will do.
    client: { application_type: "native", redirect_uris: ["http://localhost/callback", "http://127.0.0.1/callback"] },
    scope: `${resource}/Releases.Use`,
    document: { token_endpoint_auth_methods_supported: ["client_secret_post", "private_key_jwt", "client_secret_basic"], scopes_supported: ["openid", "profile", "email", "offline_access"] },
    // The learn.microsoft.com page on AADSTS codes; 9010010 as clients met it since 2026.
    refuse(params, what) {
      if (what === "token") return undefined; // there the scope is optional
      if (!params.get("scope")) return { status: 400, text: "AADSTS900144: The request body must contain the following parameter: 'scope'." };
      const known = params.get("scope").split(" ").some((s) => s.startsWith(`${resource}/`));
      if (params.get("resource") && (params.get("resource") !== resource || !known)) {
        return { error: "invalid_target", text: "AADSTS9010010: The resource parameter provided in the request doesn't match with the requested scopes." };
      }
    },
    claims: (scope) => ({ header: { typ: "JWT" }, payload: {
      aud: application, ver: "2.0", tid: tenant, azp: shapes.entra.clientId, scp: scope.replaceAll(`${resource}/`, ""), roles: ["Auditor"],
      name: "Ann Lee", preferred_username: "ann.lee@example.com", email: "ann.lee@example.com", xms_edov: true, oid: "3b1f3ab5", uti: "x", rh: "x",
    }, without: ["client_id", "scope", "jti"] }),
    variables: { TOKEN_AUDIENCE: application, EMAIL_VERIFIED_CLAIM: "xms_edov" },
  },
  cognito: {
    issuer: `${origin}/eu-central-1_Ab12Cd34E`,
    discovery: "/eu-central-1_Ab12Cd34E/.well-known/openid-configuration",
    paths: { authorize: "/oauth2/authorize", token: "/oauth2/token", keys: "/eu-central-1_Ab12Cd34E/.well-known/jwks.json" },
    endpoints: `http://localhost:${port}`, // the pool's domain is another host than the issuer
    clientId: "1example23456789",
    // Each URL is compared whole, its port included.
    client: { application_type: "web", redirect_uris: [`http://localhost:${callbackPort}/callback`] },
    scope: `${resource}/use`,
    document: { token_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post"], scopes_supported: ["openid", "email", "phone", "profile"], response_types_supported: ["code", "token"] },
    refuse(params, what) {
      const unknown = (params.get("scope") ?? "").split(" ").filter((s) => s && !["openid", "email", "profile", shapes.cognito.scope].includes(s));
      if (unknown.length) return { error: "invalid_scope", text: `invalid_scope` };
      // A code that was asked for without a scope, or for a resource that is no resource server
      // of the pool, is given and cannot be redeemed.
      if (what === "token" && params.get("grant_type") === "authorization_code" && codesWithout.has(params.get("code"))) return { error: "invalid_grant" };
    },
    // Cognito's own words: "Understanding the access token"; aud only where a resource was named.
    claims: (scope, named) => ({ header: {}, payload: {
      token_use: "access", client_id: shapes.cognito.clientId, username: "ann", version: 2, "cognito:groups": ["Auditor"], scope, ...(named && { aud: named }),
    }, without: named ? [] : ["aud"] }),
    variables: { TOKEN_AUDIENCE: "1example23456789", AUDIENCE_CLAIM: "client_id", ROLES_CLAIM: "cognito:groups" },
  },
};
const it = shapes[shape];
const codesWithout = new Set();

// ── The library ──
const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const scopes = new Set(["openid", "email", "profile", "offline_access"]);
const provider = new Provider(it.issuer, {
  clients: [{ client_id: it.clientId, token_endpoint_auth_method: "none", grant_types: ["authorization_code", "refresh_token"], response_types: ["code"], ...it.client }],
  jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), alg: "RS256", use: "sig", kid: "k1" }] },
  cookies: { keys: [randomBytes(16).toString("hex")] },
  pkce: { required: () => true },
  scopes: [...scopes],
  claims: { openid: ["sub"], email: ["email"], profile: ["name"] },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, email: "ann.lee@example.com", name: "Ann Lee" }) }),
  ttl: { AccessToken: 3600, AuthorizationCode: 60, Grant: 3600, IdToken: 3600, Interaction: 60, Session: 3600, RefreshToken: 86400 },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  features: {
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resource,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({ scope: it.scope, audience: resource, accessTokenFormat: "jwt", jwt: { sign: { alg: "RS256" } } }),
    },
  },
  formats: { customizers: { jwt(ctx, token, jwt) {
    const { header, payload, without } = it.claims(token.scope ?? "", ctx.oidc.params.resource);
    jwt.header = { typ: undefined, ...header };
    Object.assign(jwt.payload, payload);
    // The library will not sign a token without aud; what is not enumerable is not signed.
    for (const name of without) Object.defineProperty(jwt.payload, name, { value: "none", enumerable: false });
  } } },
  issueRefreshToken: async (_, client, code) => shape === "cognito" || code.scopes.has("offline_access"),
});
provider.on("server_error", (_, error) => console.error(error));

async function signIn(request, response) {
  const { prompt, params } = await provider.interactionDetails(request, response);
  if (prompt.name === "login") return provider.interactionFinished(request, response, { login: { accountId: "ann" } });
  const grant = new provider.Grant({ accountId: "ann", clientId: params.client_id });
  grant.addOIDCScope([...scopes].join(" "));
  grant.addResourceScope(resource, it.scope);
  return provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } });
}

// ── What stands before it ──
const inner = { [it.paths.authorize]: "/auth", [it.paths.token]: "/token", [it.paths.keys]: "/jwks" };
const say = (response, status, body, type = "application/json") => response.writeHead(status, { "content-type": type }).end(typeof body === "string" ? body : JSON.stringify(body));

server.on("request", async (request, response) => {
  const url = new URL(request.url, origin);
  if (process.env.VERBOSE) console.error(request.method, request.url);
  if (url.pathname === it.discovery) {
    return say(response, 200, {
      issuer: it.issuer, authorization_endpoint: it.endpoints + it.paths.authorize, token_endpoint: it.endpoints + it.paths.token, jwks_uri: origin + it.paths.keys,
      response_types_supported: ["code", "id_token"], subject_types_supported: ["pairwise"], id_token_signing_alg_values_supported: ["RS256"], ...it.document,
    });
  }
  if (url.pathname.startsWith("/interaction/")) return signIn(request, response).catch((error) => say(response, 500, String(error.stack), "text/plain"));
  if (url.pathname === it.paths.authorize) {
    const no = it.refuse(url.searchParams, "authorize");
    if (no?.status) return say(response, no.status, no.text, "text/html");
    if (no) {
      const back = new URL(url.searchParams.get("redirect_uri"));
      for (const [name, value] of Object.entries({ error: no.error, error_description: no.text, state: url.searchParams.get("state") })) back.searchParams.set(name, value);
      return response.writeHead(302, { location: back.href }).end();
    }
    if (shape === "cognito" && (!url.searchParams.get("scope") || ![null, resource].includes(url.searchParams.get("resource")))) doomed(response);
  }
  if (url.pathname === it.paths.token) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const params = new URLSearchParams(Buffer.concat(chunks).toString());
    const no = it.refuse(params, "token");
    if (no) return say(response, 400, { error: no.error ?? "invalid_request", error_description: no.text });
    request.body = Object.fromEntries(params); // the library takes what was read before it
  }
  const path = inner[url.pathname] ?? (url.pathname.startsWith("/auth/") ? url.pathname : undefined);
  if (!path) return say(response, 404, "Not Found", "text/plain");
  request.url = path + url.search;
  withoutIssuer(response);
  provider.callback()(request, response);
});

// Neither of the two names itself in the answer (RFC 9207).
function withoutIssuer(response) {
  const write = response.writeHead;
  response.writeHead = function (...args) {
    const location = response.getHeader("location");
    if (location?.includes("code=")) {
      const to = new URL(location);
      to.searchParams.delete("iss");
      response.setHeader("location", to.href);
    }
    return write.apply(response, args);
  };
}

// doomed is a sign-in whose code cannot be redeemed.
function doomed() {
  doomed.next = true;
}
provider.on("authorization_code.saved", (code) => {
  if (doomed.next) codesWithout.add(code.jti);
  doomed.next = false;
});

for (const [name, value] of Object.entries({
  TOKEN_ISSUER: it.issuer, JWKS_URL: origin + it.paths.keys, TOKEN_SCOPES: it.scope, ...it.variables, CLIENT_ID: it.clientId, CALLBACK_PORT: callbackPort,
})) console.log(`${name}=${value}`);
