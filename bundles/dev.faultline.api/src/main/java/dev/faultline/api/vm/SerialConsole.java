// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.vm;

import java.util.function.Consumer;
import org.osgi.annotation.versioning.ProviderType;

/** The machine's first serial port. Any thread. */
@ProviderType
public interface SerialConsole {
    /** Bytes that the guest has sent since the machine was made. */
    long bytesSent();

    /**
     * Every listener gets every byte the guest sends, in order, on the sending vCPU's thread: be
     * quick.
     */
    void addListener(Consumer<byte[]> listener);

    void removeListener(Consumer<byte[]> listener);

    /** Queues bytes for the guest to receive. */
    void send(byte[] bytes);
}
