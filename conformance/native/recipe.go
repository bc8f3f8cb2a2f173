// The twelve lines of /identity/spec in Go, with nothing but its standard library.
// `recipe EVIDENCE`; evidence and output as in recipe.py.
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
	"unicode/utf8"
)

type object = map[string]any

type testCase struct {
	Passport []byte  `json:"passport"`
	Now      string  `json:"now"`
	List     *string `json:"list"`
}

type evidence struct {
	Keys  object            `json:"keys"`
	Lists map[string]object `json:"lists"`
	Cases []testCase        `json:"cases"`
}

var malformed = errors.New("malformed")

// canonical is RFC 8785 for documents of our profile: Go sorts the keys of a map, numbers keep their spelling.
func canonical(value any) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// parse refuses duplicate keys, of which encoding/json keeps the last: what it dropped is missing in the length.
func parse(raw []byte) (object, error) {
	if !utf8.Valid(raw) {
		return nil, malformed
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var document object
	if err := decoder.Decode(&document); err != nil || document == nil {
		return nil, malformed
	}
	var bare bytes.Buffer
	if err := json.Compact(&bare, raw); err != nil || bare.Len() != len(canonical(document)) {
		return nil, malformed
	}
	return document, nil
}

func signatureOf(value any) ([]byte, error) {
	text, _ := value.(string)
	encoded, found := strings.CutPrefix(text, "ed25519:")
	raw, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if !found || err != nil || len(raw) != ed25519.SignatureSize || strings.ContainsAny(encoded, "\r\n") {
		return nil, malformed
	}
	return raw, nil
}

// proven follows lines 2 to 7.
func proven(document object, keys any, purpose string) ([]byte, error) {
	rest := object{}
	for name, value := range document {
		if name != "signature" {
			rest[name] = value
		}
	}
	signature, err := signatureOf(document["signature"])
	if err != nil {
		return nil, err
	}
	message := canonical(rest)
	for _, item := range keys.([]any) {
		key := item.(object)
		if key["key_id"] != rest["key_id"] || purpose != "" && key["purpose"] != purpose {
			continue
		}
		if key["status"] == "revoked" {
			return nil, errors.New("revoked-key")
		}
		block, _ := pem.Decode([]byte(key["public_key_pem"].(string)))
		public, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil || !ed25519.Verify(public.(ed25519.PublicKey), message, signature) {
			return nil, errors.New("bad-signature")
		}
		return message, nil
	}
	return nil, errors.New("unknown-key")
}

func timeOf(value any) time.Time {
	at, err := time.Parse(time.RFC3339, value.(string))
	if err != nil {
		panic(err)
	}
	return at
}

// current follows lines 9 to 11.
func current(passport, listed object, now time.Time, keys object) string {
	if _, err := proven(listed, keys["service_keys"], "status"); err != nil || listed["typ"] != "aegis-revocations+v1" {
		return "bad-list"
	}
	budget, err := passport["staleness_budget_seconds"].(json.Number).Int64()
	if err != nil || now.Sub(timeOf(listed["as_of"])) > time.Duration(budget)*time.Second {
		return "stale"
	}
	for _, entry := range listed["revocations"].([]any) {
		if entry.(object)["passport_id"] == passport["passport_id"] {
			return "revoked"
		}
	}
	return "valid"
}

func check(one testCase, given evidence) string {
	passport, err := parse(one.Passport)
	if err != nil {
		return err.Error()
	}
	message, err := proven(passport, given.Keys["keys"], "")
	if err != nil {
		return err.Error()
	}
	verdict, now := "valid", timeOf(one.Now)
	if now.Before(timeOf(passport["issued_at"])) {
		verdict = "not-yet-valid"
	} else if !now.Before(timeOf(passport["expires_at"])) {
		verdict = "expired"
	} else if one.List != nil {
		verdict = current(passport, given.Lists[*one.List], now, given.Keys)
	}
	return fmt.Sprintf("%s %x", verdict, sha256.Sum256(message))
}

func main() {
	raw, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	var given evidence
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if err := decoder.Decode(&given); err != nil {
		panic(err)
	}
	for _, one := range given.Cases {
		fmt.Println(check(one, given))
	}
}
