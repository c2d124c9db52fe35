// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.engine;

/**
 * What an engine's instruction semantics keep beside a vCPU: buffers, and what a stopped
 * instruction has read from devices. Never state. Engines come and go under a vCPU, and their
 * classes with them: who finds what another one's made, or null, makes its own. Used by the vCPU's
 * thread, or while it is quiesced.
 */
public abstract class EngineScratch {
    /**
     * What the stopped instruction has read so far is forgotten: it will not be tried again. Here
     * it has nothing to forget.
     */
    public void forgetAccess() {}
}
