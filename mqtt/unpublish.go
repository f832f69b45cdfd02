package mqtt

// unpublish has nothing to remove: nothing is published for a discovery.
func (g *Gateway) unpublish() {}
