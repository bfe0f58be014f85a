// A certificate authority, certificate transparency log and identity provider for tests: Fulcio's own server and
// ephemeral authority behind the smallest program that serves them on one port of the loopback.
// Whoever asks `/token?email=`, or `/actions/token?email=` as a CI job does, gets an identity token, so nothing here is
// fit for anything but tests.
//
//	fulcio PORT REKOR-ORIGIN REKOR-KEY TSA-URL TSA-CHAIN TRUSTED-ROOT
//
// The trusted root of all four services is written to the last path once they can be asked.
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	ct "github.com/google/certificate-transparency-go"
	ctclient "github.com/google/certificate-transparency-go/client"
	"github.com/google/certificate-transparency-go/jsonclient"
	"github.com/google/certificate-transparency-go/tls"
	ctx509 "github.com/google/certificate-transparency-go/x509"
	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/sigstore/fulcio/pkg/ca/ephemeralca"
	"github.com/sigstore/fulcio/pkg/config"
	fulcio "github.com/sigstore/fulcio/pkg/generated/protobuf"
	"github.com/sigstore/fulcio/pkg/server"
	common "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	"github.com/sigstore/rekor-tiles/v2/pkg/note"
	"github.com/sigstore/sigstore/pkg/signature"
	"google.golang.org/grpc/metadata"
)

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

// What Fulcio's interceptor does: the configuration goes with the request.
type configured struct {
	server.GRPCCAServer
	config *config.FulcioConfig
}

func (c configured) GetConfiguration(ctx context.Context, request *fulcio.GetConfigurationRequest) (*fulcio.Configuration, error) {
	return c.GRPCCAServer.GetConfiguration(config.With(ctx, c.config), request)
}

func (c configured) CreateSigningCertificate(ctx context.Context, request *fulcio.CreateSigningCertificateRequest) (*fulcio.SigningCertificate, error) {
	return c.GRPCCAServer.CreateSigningCertificate(config.With(ctx, c.config), request)
}

// What Fulcio's gateway does: some clients send the token in a header.
func bearer(_ context.Context, r *http.Request) metadata.MD {
	if token, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); found {
		return metadata.Pairs(server.MetadataOIDCTokenKey, token)
	}
	return nil
}

// A transparency log that promises everything and keeps nothing.
func promise(key *ecdsa.PrivateKey, id [32]byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var request ct.AddChainRequest
		body := must(io.ReadAll(io.LimitReader(r.Body, 1<<20)))
		if err := json.Unmarshal(body, &request); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		var chain []*ctx509.Certificate
		for _, der := range request.Chain {
			certificate, err := ctx509.ParseCertificate(der)
			if ctx509.IsFatal(err) {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			chain = append(chain, certificate)
		}
		now := uint64(time.Now().UnixMilli())
		leaf, err := ct.MerkleTreeLeafFromChain(chain, ct.PrecertLogEntryType, now)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		sct := ct.SignedCertificateTimestamp{SCTVersion: ct.V1, LogID: ct.LogID{KeyID: id}, Timestamp: now}
		input := must(ct.SerializeSCTSignatureInput(sct, ct.LogEntry{Leaf: *leaf}))
		signed := must(tls.CreateSignature(*key, tls.SHA256, input))
		json.NewEncoder(w).Encode(ct.AddChainResponse{
			SCTVersion: ct.V1, ID: id[:], Timestamp: now, Signature: must(tls.Marshal(signed)),
		})
	}
}

type object = map[string]any

func provide(mux *http.ServeMux, issuer string) {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	public := jose.JSONWebKey{Key: key.Public(), KeyID: "1", Algorithm: "ES256", Use: "sig"}
	options := (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", "1")
	signer := must(jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, options))
	answer := func(path string, value any) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			json.NewEncoder(w).Encode(value)
		})
	}
	answer("/.well-known/openid-configuration", object{
		"issuer": issuer, "jwks_uri": issuer + "/keys", "authorization_endpoint": issuer + "/none",
		"token_endpoint": issuer + "/none", "response_types_supported": []string{"id_token"},
		"subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{"ES256"},
	})
	answer("/keys", jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public}})
	token := func(email, audience string) string {
		now := time.Now()
		return must(jwt.Signed(signer).Claims(object{
			"iss": issuer, "sub": email, "aud": audience, "email": email, "email_verified": true,
			"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(10 * time.Minute).Unix(),
		}).Serialize())
	}
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, token(r.URL.Query().Get("email"), "sigstore"))
	})
	// What GitHub Actions answers a job that asks for its token (GitHub's documentation, "OpenID Connect reference",
	// methods for requesting the OIDC token).
	mux.HandleFunc("/actions/token", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer job" {
			http.Error(w, "whose job is this?", http.StatusUnauthorized)
			return
		}
		value := token(r.URL.Query().Get("email"), r.URL.Query().Get("audience"))
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(object{"count": len(value), "value": value})
	})
}

func raw(bytes []byte) object {
	return object{"rawBytes": base64.StdEncoding.EncodeToString(bytes)}
}

func chainOf(certificates [][]byte) object {
	var list []object
	for _, der := range certificates {
		list = append(list, raw(der))
	}
	return object{"certificates": list}
}

func logOf(url string, key []byte, details string, id []byte, valid object) object {
	public := raw(key)
	public["keyDetails"] = details
	public["validFor"] = valid
	return object{
		"baseUrl": url, "hashAlgorithm": "SHA2_256", "publicKey": public,
		"logId": object{"keyId": base64.StdEncoding.EncodeToString(id)},
	}
}

func blocks(path string) (found [][]byte) {
	rest := must(os.ReadFile(path))
	for {
		block, after := pem.Decode(rest)
		if block == nil {
			return found
		}
		found, rest = append(found, block.Bytes), after
	}
}

func main() {
	if len(os.Args) != 7 {
		log.Fatal("arguments: PORT REKOR-ORIGIN REKOR-KEY TSA-URL TSA-CHAIN TRUSTED-ROOT")
	}
	port, origin, rekorKey, tsa, tsaChain, out := os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5], os.Args[6]
	url := "http://127.0.0.1:" + port
	begun := object{"start": time.Now().UTC().Add(-time.Minute).Format(time.RFC3339)}

	mux := http.NewServeMux()
	provide(mux, url)
	ctKey := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	ctPublic := must(x509.MarshalPKIXPublicKey(ctKey.Public()))
	ctID := sha256.Sum256(ctPublic)
	mux.HandleFunc("/ct/v1/add-pre-chain", promise(ctKey, ctID))
	listener := must(net.Listen("tcp", "127.0.0.1:"+port))
	go func() { log.Fatal(http.Serve(listener, mux)) }()

	// The configuration is read once the identity provider answers: it asks there for its keys.
	settings := must(json.Marshal(object{"OIDCIssuers": object{
		url: object{"IssuerURL": url, "ClientID": "sigstore", "Type": "email"},
	}}))
	configuration := must(config.Read(settings))
	authority := must(ephemeralca.NewEphemeralCA())
	ctLog := must(ctclient.New(url, http.DefaultClient, jsonclient.Options{PublicKeyDER: ctPublic}))
	algorithms := must(signature.NewAlgorithmRegistryConfig([]common.PublicKeyDetails{
		common.PublicKeyDetails_PKIX_ECDSA_P256_SHA_256,
	}))
	service := configured{
		server.NewGRPCCAServer(ctLog, authority, algorithms, server.NewIssuerPool(configuration)), configuration,
	}
	gateway := runtime.NewServeMux(runtime.WithMetadata(bearer))
	if err := fulcio.RegisterCAHandlerServer(context.Background(), gateway, service); err != nil {
		log.Fatal(err)
	}
	mux.Handle("/api/", gateway)

	rekorPublic := blocks(rekorKey)[0]
	_, rekorID, err := note.KeyHash(origin, must(x509.ParsePKIXPublicKey(rekorPublic)).(ed25519.PublicKey))
	if err != nil {
		log.Fatal(err)
	}
	trust := must(authority.TrustBundle(context.Background()))
	root := trust[0][len(trust[0])-1]
	document := must(json.MarshalIndent(object{
		"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
		// Some verifiers take the host of the log's address for the origin of its checkpoints.
		"tlogs":  []object{logOf("https://"+origin, rekorPublic, "PKIX_ED25519", rekorID, begun)},
		"ctlogs": []object{logOf(url, ctPublic, "PKIX_ECDSA_P256_SHA_256", ctID[:], begun)},
		"certificateAuthorities": []object{{
			"subject": object{"organization": "sigstore", "commonName": "kmatrix tests"}, "uri": url,
			"certChain": chainOf([][]byte{root.Raw}), "validFor": begun,
		}},
		"timestampAuthorities": []object{{
			"subject": object{"organization": "kmatrix", "commonName": "kmatrix tests"}, "uri": tsa,
			"certChain": chainOf(blocks(tsaChain)), "validFor": begun,
		}},
	}, "", "  "))
	if err := os.WriteFile(out, append(document, '\n'), 0o644); err != nil {
		log.Fatal(err)
	}
	select {}
}
