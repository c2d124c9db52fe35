// SPDX-License-Identifier: Apache-2.0
package dev.faultline.testkit.memory;

import dev.faultline.api.address.Page;
import dev.faultline.api.platform.HostMemory;
import dev.faultline.api.platform.HostRegion;

/** A host that has no memory to give: whoever is tested has all of his already. */
public final class NoHost implements HostMemory {
    @Override
    public int pageSize() {
        return Page.SIZE;
    }

    @Override
    public HostRegion reserve(long bytes) {
        throw new AssertionError("HostMemory.reserve " + bytes);
    }
}
