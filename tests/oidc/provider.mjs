// An OpenID provider for tests: everybody is who they say they are, over TLS, with tokens of a chosen life.
//
// node provider.mjs '{"port": 1, "key": "...", "certificate": "...", "client": "...", "secret": "...", "redirects": [...],
// "back": "...", "life": 60}'; prints "ready" when it listens.
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import Provider from "oidc-provider";

const options = JSON.parse(process.argv[2]);

const provider = new Provider(`https://127.0.0.1:${options.port}`, {
  clients: [
    {
      client_id: options.client,
      client_secret: options.secret,
      redirect_uris: options.redirects,
      post_logout_redirect_uris: [options.back],
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      token_endpoint_auth_method: "client_secret_basic",
    },
  ],
  cookies: { keys: ["a key for tests"] },
  claims: { openid: ["sub"], profile: ["preferred_username", "groups"], email: ["email", "email_verified"] },
  // API servers read the ID token, not the user info.
  conformIdTokenClaims: false,
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({
      sub: id,
      preferred_username: id,
      groups: ["people"],
      email: `${id}@example.com`,
      email_verified: true,
    }),
  }),
  issueRefreshToken: (_, client) => client.grantTypeAllowed("refresh_token"),
  rotateRefreshToken: true,
  pkce: { required: () => true },
  ttl: {
    IdToken: options.life,
    AccessToken: 300,
    AuthorizationCode: 60,
    Grant: 3600,
    Interaction: 600,
    RefreshToken: 3600,
    Session: 3600,
  },
});

const server = createServer(
  { key: readFileSync(options.key), cert: readFileSync(options.certificate) },
  provider.callback(),
);
server.listen(options.port, "127.0.0.1", () => console.log("ready"));
