// A real OAuth 2 / OpenID Connect server (the certified library "oidc-provider", MIT) on loopback: short-lived access tokens, refresh
// tokens that rotate, and a whole permission taken back where an old one is used again. Data are in memory.
import { Provider } from 'oidc-provider';

const port = Number(process.env.PORT), issuer = `http://127.0.0.1:${port}`, life = Number(process.env.AT_TTL || 2);
const client = { client_secret: 'hub-secret', token_endpoint_auth_method: 'client_secret_post', response_types: ['code'] };
const provider = new Provider(issuer, {
  clients: [
    // Native: the port of a loopback callback does not matter (RFC 8252), so that every test serves on its own.
    {
      ...client, client_id: 'hub', application_type: 'native', redirect_uris: ['http://127.0.0.1/oauth/callback'],
      grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
    },
    { ...client, client_id: 'api', redirect_uris: [], response_types: [], grant_types: [] },
  ],
  features: {
    devInteractions: { enabled: true }, deviceFlow: { enabled: true }, introspection: { enabled: true, allowedPolicy: () => true },
  },
  ttl: {
    AccessToken: life, RefreshToken: 3600, AuthorizationCode: 60, DeviceCode: 600, Session: 3600, Grant: 3600, Interaction: 600, IdToken: 600,
  },
  rotateRefreshToken: true,
  pkce: { required: () => true },
  issueRefreshToken: async () => true,
  cookies: { keys: ['for-tests-only'] },
  findAccount: (_, id) => ({ accountId: id, claims: async () => ({ sub: id }) }),
});
provider.listen(port, '127.0.0.1', () => console.log('listening at', issuer));
