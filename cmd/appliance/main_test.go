package main

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestASignalIsToldInWords(t *testing.T) {
	assert.Equal(t, "interrupted, not done to the end", inWords(context.Canceled))
	assert.Equal(t, "interrupted, not done to the end", inWords(errors.Join(context.Canceled, nil)))
	pin := errors.Join(context.Canceled, errors.New("a pin could not be set low"))
	assert.Contains(t, inWords(pin), "a pin could not be set low", "what went wrong besides is never hidden")
}
