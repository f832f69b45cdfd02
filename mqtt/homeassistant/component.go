package homeassistant

// component is one entity, or the order to remove one. Its fields are Home
// Assistant's names; there is one type for each platform, because Home Assistant
// ignores a name that a platform does not know without a word.
type component interface{ entity() *common }

// common is what every platform has.
type common struct {
	Platform               string         `json:"platform"`
	UniqueID               string         `json:"unique_id"`
	Name                   string         `json:"name"`
	Icon                   string         `json:"icon,omitempty"`
	EntityCategory         string         `json:"entity_category,omitempty"`
	EnabledByDefault       *bool          `json:"enabled_by_default,omitempty"`
	QoS                    int            `json:"qos"`
	AvailabilityTopic      string         `json:"availability_topic,omitempty"`
	Availability           []availability `json:"availability,omitempty"`
	AvailabilityMode       string         `json:"availability_mode,omitempty"`
	JSONAttributesTopic    string         `json:"json_attributes_topic,omitempty"`
	JSONAttributesTemplate string         `json:"json_attributes_template,omitempty"`
}

func (c *common) entity() *common { return c }

// availability is one of several conditions; the payloads are Home Assistant's
// defaults, "online" and "offline".
type availability struct {
	Topic         string `json:"topic"`
	ValueTemplate string `json:"value_template,omitempty"`
}

type sensor struct {
	common
	DeviceClass   string   `json:"device_class,omitempty"`
	StateClass    string   `json:"state_class,omitempty"`
	Unit          string   `json:"unit_of_measurement,omitempty"`
	Precision     *int     `json:"suggested_display_precision,omitempty"`
	Options       []string `json:"options,omitempty"`
	StateTopic    string   `json:"state_topic"`
	ValueTemplate string   `json:"value_template"`
	ExpireAfter   int      `json:"expire_after,omitempty"`
}

type binarySensor struct {
	common
	DeviceClass   string `json:"device_class,omitempty"`
	StateTopic    string `json:"state_topic"`
	ValueTemplate string `json:"value_template,omitempty"`
	PayloadOn     string `json:"payload_on,omitempty"`
	PayloadOff    string `json:"payload_off,omitempty"`
}

type event struct {
	common
	StateTopic string   `json:"state_topic"`
	EventTypes []string `json:"event_types"`
}

type button struct {
	common
	CommandTopic    string `json:"command_topic"`
	CommandTemplate string `json:"command_template"`
}

type number struct {
	common
	DeviceClass     string  `json:"device_class,omitempty"`
	Unit            string  `json:"unit_of_measurement"`
	Min             float64 `json:"min"`
	Max             float64 `json:"max"`
	Step            float64 `json:"step"`
	Mode            string  `json:"mode"`
	StateTopic      string  `json:"state_topic"`
	ValueTemplate   string  `json:"value_template"`
	CommandTopic    string  `json:"command_topic"`
	CommandTemplate string  `json:"command_template"`
}

type selection struct {
	common
	Options         []string `json:"options"`
	StateTopic      string   `json:"state_topic"`
	ValueTemplate   string   `json:"value_template"`
	CommandTopic    string   `json:"command_topic"`
	CommandTemplate string   `json:"command_template"`
}

type climate struct {
	common
	Modes                      []string `json:"modes"`
	ModeStateTopic             string   `json:"mode_state_topic"`
	ModeStateTemplate          string   `json:"mode_state_template"`
	ModeCommandTopic           string   `json:"mode_command_topic"`
	ModeCommandTemplate        string   `json:"mode_command_template"`
	TemperatureStateTopic      string   `json:"temperature_state_topic"`
	TemperatureStateTemplate   string   `json:"temperature_state_template"`
	TemperatureCommandTopic    string   `json:"temperature_command_topic"`
	TemperatureCommandTemplate string   `json:"temperature_command_template"`
	CurrentTemperatureTopic    string   `json:"current_temperature_topic"`
	CurrentTemperatureTemplate string   `json:"current_temperature_template"`
	ActionTopic                string   `json:"action_topic"`
	ActionTemplate             string   `json:"action_template"`
	MinTemp                    float64  `json:"min_temp"`
	MaxTemp                    float64  `json:"max_temp"`
	TempStep                   float64  `json:"temp_step"`
	Precision                  float64  `json:"precision"`
	TemperatureUnit            string   `json:"temperature_unit"`
}

// removal is a component of which nothing but the platform is left: Home
// Assistant removes the entity. Leaving the component out would not do that.
type removal struct {
	Platform string `json:"platform"`
}

func (*removal) entity() *common { return nil }

// The platforms.
const (
	platformSensor  = "sensor"
	platformBinary  = "binary_sensor"
	platformEvent   = "event"
	platformButton  = "button"
	platformNumber  = "number"
	platformSelect  = "select"
	platformClimate = "climate"
)

// diagnostic is the category of what only matters when something is wrong.
const diagnostic = "diagnostic"

// common fills in what the entities have alike. QoS 1, because a stop or an event
// must not be lost on the way; telemetry is published at QoS 0 all the same.
func (b *builder) common(platform, key, name, icon string) common {
	return common{
		Platform: platform, UniqueID: objectID(b.table.ID) + "_" + key, Name: name, Icon: icon, QoS: 1,
		AvailabilityTopic: b.table.Topics.Availability,
	}
}

// add keeps a component under its key.
func (b *builder) add(key string, c component) { b.out[key] = c }

// remove takes the entity under a key away, should there be one from before.
func (b *builder) remove(key, platform string) { b.out[key] = &removal{Platform: platform} }

// revision lets an entity carry the rev of the newest state as an attribute: the
// one place where a command template finds it.
func (b *builder) revision(c *common) {
	c.JSONAttributesTopic = b.table.Topics.State
	c.JSONAttributesTemplate = "{{ {'rev': value_json.rev} | to_json }}"
}

// onlyIn makes an entity unavailable in all but one mode.
func (b *builder) onlyIn(c *common, mode string) {
	c.AvailabilityTopic, c.AvailabilityMode = "", "all"
	c.Availability = []availability{
		{Topic: b.table.Topics.Availability},
		{Topic: b.table.Topics.State, ValueTemplate: "{{ 'online' if value_json.mode == '" + mode + "' else 'offline' }}"},
	}
}

func ptr[T any](v T) *T { return &v }

// names lists an enumeration's values by asking until one is unknown.
func names[T ~uint8](name func(T) string) (out []string) {
	for i := range 256 {
		n := name(T(i))
		if n == "unknown" {
			break
		}
		out = append(out, n)
	}
	return out
}
