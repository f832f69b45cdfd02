package record

import (
	"fmt"
	"sync"

	"codeberg.org/go-fonts/liberation/liberationsansbold"
	"codeberg.org/go-fonts/liberation/liberationsansregular"
	xfont "golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
	"gonum.org/v1/plot/font"
)

// fonts are those of a picture, once loadFonts has read them. The two of its
// styles, and not the twelve that gonum.org/v1/plot brings along: those are a sixth
// of the whole program, and are read at each start of it, whatever it is to do.
var fonts = font.NewCache(nil)

// loadFonts reads the fonts, once.
var loadFonts = sync.OnceValue(func() error {
	for _, f := range []struct {
		weight xfont.Weight
		data   []byte
	}{{xfont.WeightNormal, liberationsansregular.TTF}, {xfont.WeightBold, liberationsansbold.TTF}} {
		face, err := opentype.Parse(f.data)
		if err != nil {
			return fmt.Errorf("font: %w", err)
		}
		fonts.Add(font.Collection{{Font: font.Font{Typeface: "Liberation", Variant: "Sans", Weight: f.weight}, Face: face}})
	}
	return nil
})
