// Package host runs one http.Handler or one event handler on Lambda and reads the configuration from the environment,
// once and only here. It must not know what the handlers do, nor any table, route or rule of the product.
package host

import (
	"fmt"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"example.com/releases/shared/identity"
)

// Tables are the names of the five tables.
type Tables struct{ Releases, Changes, Tasks, Mail, Record string }

// Config is the configuration in the environment. template.yaml sets, per function, the variables that
// FromEnvironment reads.
type Config struct {
	Region string
	// The endpoints are empty on AWS. On a laptop they point to the engine and the stand-ins.
	DynamoDBEndpoint, SESEndpoint, EventsEndpoint string

	Tables Tables

	// Which tokens are ours; identity.Config explains each. Audience holds one or several, separated by commas: one may
	// have a space in it.
	Issuer, Audience, AudienceClaim, RolesClaim, EmailVerifiedClaim, JWKSURL string
	// Scopes are what agents ask the issuer for. No scope has a space in it (RFC 6749, 3.3).
	Scopes []string

	// PublicURL is where clients and readers of mails reach the API, without a slash at the end.
	PublicURL string
	// AllowedOrigins are the browser origins that may call the API.
	AllowedOrigins []string

	EventBus string // the bus that announcements go to
	Sender   string // the address that mails come from
	Zone     string // the organisation's zone, an IANA name
	// ConfigurationSet is SES's, through which its events come back; MailRate is how many mails a second it takes.
	ConfigurationSet, MailRate string
	// RecordGeneration is which generation of the record's tree is sealed into, LastCheckpoint
	// the last that is known of the one before.
	RecordGeneration, LastCheckpoint string
	// SeparateDuties keeps those who wrote a change request from deciding on it.
	SeparateDuties bool
	// OrganisationName and OrganisationURL are whose releases these are, and where more of it is found.
	OrganisationName, OrganisationURL string
	// TrustCenter turns the public page on.
	TrustCenter bool

	credentials aws.Credentials
}

// FromEnvironment reads the configuration. A main names the variables that its function requires; where one is missing,
// the process ends with a message before it takes a request.
func FromEnvironment(needed ...string) Config {
	env := reader{}
	c := Config{
		Region:           env.text("AWS_REGION"),
		DynamoDBEndpoint: env.text("DYNAMODB_ENDPOINT"),
		SESEndpoint:      env.text("SES_ENDPOINT"),
		EventsEndpoint:   env.text("EVENTS_ENDPOINT"),
		Tables: Tables{
			Releases: env.text("RELEASES_TABLE"),
			Changes:  env.text("CHANGES_TABLE"),
			Tasks:    env.text("TASKS_TABLE"),
			Mail:     env.text("MAIL_TABLE"),
			Record:   env.text("RECORD_TABLE"),
		},
		Issuer:        env.text("TOKEN_ISSUER"),
		Audience:      env.text("TOKEN_AUDIENCE"),
		AudienceClaim: env.text("AUDIENCE_CLAIM"),
		RolesClaim:    env.text("ROLES_CLAIM"),
		JWKSURL:       env.text("JWKS_URL"),

		EmailVerifiedClaim: env.text("EMAIL_VERIFIED_CLAIM"),
		Scopes:             strings.Fields(env.text("TOKEN_SCOPES")),

		PublicURL:      strings.TrimRight(env.text("PUBLIC_URL"), "/"),
		AllowedOrigins: origins(env.text("ALLOWED_ORIGINS")),
		EventBus:       env.text("EVENT_BUS"),
		Sender:         env.text("MAIL_SENDER"),
		Zone:           env.text("ORGANISATION_ZONE"),

		OrganisationName: env.text("ORGANISATION_NAME"),
		OrganisationURL:  env.text("ORGANISATION_URL"),

		ConfigurationSet: env.text("MAIL_CONFIGURATION_SET"),
		MailRate:         env.text("MAIL_RATE"),
		RecordGeneration: env.text("RECORD_GENERATION"),
		LastCheckpoint:   env.text("LAST_CHECKPOINT"),

		SeparateDuties: strings.EqualFold(env.text("SEPARATE_DUTIES"), "true"),
		TrustCenter:    strings.EqualFold(env.text("TRUST_CENTER"), "true"),
		credentials: aws.Credentials{
			AccessKeyID:     env.text("AWS_ACCESS_KEY_ID"),
			SecretAccessKey: env.text("AWS_SECRET_ACCESS_KEY"),
			SessionToken:    env.text("AWS_SESSION_TOKEN"),
			Source:          "environment",
		},
	}
	var missing []string
	for _, name := range needed {
		value, read := env[name]
		if !read {
			panic("host: " + name + " is not a variable of Releases")
		}
		if value == "" {
			missing = append(missing, name)
		}
	}
	requireVariables(missing...)
	return c
}

// Verifier makes the verifier of access tokens.
func (c Config) Verifier() *identity.Verifier {
	audiences := list(c.Audience)
	requireSet("TOKEN_ISSUER", c.Issuer, "TOKEN_AUDIENCE", strings.Join(audiences, ","), "JWKS_URL", c.JWKSURL)
	return identity.New(identity.Config{
		Issuer: c.Issuer, Audiences: audiences, AudienceClaim: c.AudienceClaim,
		RolesClaim: c.RolesClaim, EmailVerifiedClaim: c.EmailVerifiedClaim, JWKSURL: c.JWKSURL,
	})
}

// publicURL is also read separately, since this package's own answers name it.
func publicURL() string {
	return strings.TrimRight(strings.TrimSpace(os.Getenv("PUBLIC_URL")), "/")
}

// reader records the names that were read, so that a misspelt name in a main cannot pass for a missing variable.
type reader map[string]string

func (r reader) text(name string) string {
	r[name] = strings.TrimSpace(os.Getenv(name))
	return r[name]
}

// list reads values separated by commas. Spaces inside a value are kept, since an audience may have them.
func list(s string) []string {
	var values []string
	for value := range strings.SplitSeq(s, ",") {
		if value = strings.TrimSpace(value); value != "" {
			values = append(values, value)
		}
	}
	return values
}

// origins reads a list of origins, separated by commas or spaces, since no origin contains a space.
func origins(s string) []string { return list(strings.Join(strings.Fields(s), ",")) }

// requireSet takes names and values in turn and ends the process unless all have a value.
func requireSet(pairs ...string) {
	var missing []string
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			missing = append(missing, pairs[i])
		}
	}
	requireVariables(missing...)
}

// requireVariables ends the process when variables are missing. Lambda logs what was written to stderr and restarts the
// function; it can serve nothing until it is fixed.
func requireVariables(missing ...string) {
	if len(missing) == 0 {
		return
	}
	are := "is"
	if len(missing) > 1 {
		are = "are"
	}
	fmt.Fprintf(os.Stderr, "%s %s not set, and this function cannot work without it. "+
		"Set it in the function's Environment in template.yaml, or in your shell on a laptop.\n", strings.Join(missing, ", "), are)
	os.Exit(1)
}
