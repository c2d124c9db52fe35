// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.clone;

import dev.faultline.api.platform.HostRegion;
import dev.faultline.api.platform.SharedMemory;

/** A view as a machine has it: when the machine gives it up, the clone ends. */
record OwnedView(SharedMemory.View view, Cloned owner) implements HostRegion {
    @Override
    public long address() {
        return view.address();
    }

    @Override
    public long size() {
        return view.size();
    }

    @Override
    public void discard(long offset, long bytes) {
        owner.discard(view, offset, bytes);
    }

    @Override
    public long residentBytes() {
        return view.residentBytes();
    }

    @Override
    public void close() {
        owner.end();
        view.close();
    }
}
