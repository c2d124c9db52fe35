// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.engine;

import org.osgi.annotation.versioning.ProviderType;

/** What CPUID answers. Immutable once the vCPU runs. */
@ProviderType
public interface CpuidPolicy {
    /** Writes EAX EBX ECX EDX for a leaf and subleaf into {@code out[0..3]}. */
    void query(VcpuContext v, int leaf, int subleaf, int[] out);
}
