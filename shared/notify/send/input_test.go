package send

import (
	"context"
	netmail "net/mail"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"
	"github.com/aws/smithy-go"

	"example.com/releases/shared/address"
	"example.com/releases/shared/mail"
	"example.com/releases/shared/notify/message"
)

func opened(cfg aws.Config) *Sender {
	cfg.Region = "eu-central-1"
	cfg.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return aws.Credentials{}, nil })
	return Open(cfg, nil, Options{Sender: "releases@example.com"})
}

// SES's own choice for an attachment is seven bits, and a calendar entry holds people's words in UTF-8.
func TestInput_CalendarEntry_Base64(t *testing.T) {
	t.Parallel()
	in := opened(aws.Config{}).input(mail.Mail{ID: "m", Kind: "heads-up", Recipient: "ann@example.com"}, mail.Notice{},
		message.Message{Calendar: &message.Attachment{Name: "release.ics", ContentType: "text/calendar; method=PUBLISH", Content: []byte("SUMMARY:Frühjahr\r\n")}})
	attached := in.Content.Simple.Attachments
	if len(attached) != 1 || attached[0].ContentTransferEncoding != types.AttachmentContentTransferEncodingBase64 {
		t.Errorf("the attachments are %+v", attached)
	}
}

// People know their organisation, not the product; what the operator wrote into the address goes
// before both. However long the name is, SES takes the address.
func TestOpen_From_NamesTheOrganisation(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("خدمات ", 60)
	for _, c := range []struct{ sender, organisation, want string }{
		{"releases@example.com", "", `"Releases" <releases@example.com>`},
		{"releases@example.com", "Acme & Sons", `"Acme & Sons" <releases@example.com>`},
		{"Change team <releases@example.com>", "Acme & Sons", `"Change team" <releases@example.com>`},
		{"releases@example.com", "Acme\r\nBcc: all@example.com", `"Acme Bcc: all@example.com" <releases@example.com>`},
		{"releases@example.com", long, ""},
	} {
		cfg := aws.Config{Region: "eu-central-1"}
		from := aws.ToString(Open(cfg, nil, Options{Sender: c.sender, Organisation: c.organisation}).input(mail.Mail{Recipient: "ann@example.com"}, mail.Notice{}, message.Message{}).FromEmailAddress)
		if c.want != "" && from != c.want {
			t.Errorf("%q of %q: from %s", c.sender, c.organisation, from)
		}
		parsed, err := netmail.ParseAddress(from)
		if err != nil || parsed.Address != "releases@example.com" || len(from) > address.MaxHeader || c.want == "" && !strings.HasPrefix(long, parsed.Name) {
			t.Errorf("%q: %v, %d bytes: %s", c.organisation, err, len(from), from)
		}
	}
}

// The limit that other calls have would make mails unknown that SES takes its time for.
func TestOpen_ClientWithATimeout_SESHasItsOwn(t *testing.T) {
	t.Parallel()
	s := opened(aws.Config{HTTPClient: awshttp.NewBuildableClient().WithTimeout(time.Second)})
	client, ok := s.ses.Options().HTTPClient.(*awshttp.BuildableClient)
	if !ok || client.GetTimeout() != 0 {
		t.Errorf("a call to SES ends after %v by itself", client.GetTimeout())
	}
}

// Throttling passes within seconds, the daily quota within hours, and SES says both with the
// same codes.
func TestCode_DailyQuota_ToldFromThrottling(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code, message string
		want          outcome
	}{
		{"TooManyRequestsException", "Maximum sending rate exceeded.", later},
		{"ThrottlingException", "Maximum sending rate exceeded.", later},
		{"TooManyRequestsException", "Daily message quota exceeded.", quota},
		{"ThrottlingException", "Daily message quota exceeded", quota},
		{"LimitExceededException", "Daily sending quota exceeded.", quota},
		{"LimitExceededException", "There are too many instances of the resource.", stop},
		{"MessageRejected", "Email address is not verified: daily-quota@example.com", refused},
	} {
		if got := code(&smithy.GenericAPIError{Code: c.code, Message: c.message}); got != c.want {
			t.Errorf("%s, %q: %v, want %v", c.code, c.message, got, c.want)
		}
	}
	if r := throttlesOnly(longestPause); r.IsErrorRetryable(&smithy.GenericAPIError{Code: "TooManyRequestsException", Message: "Daily message quota exceeded."}) {
		t.Error("a call beyond the quota is repeated at once")
	}
}
