// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.bootcache;

import java.io.IOException;
import java.io.Serial;

/** An entry that is not what was stored; the message says in what, on one line. */
public final class DamagedEntryException extends IOException {
    @Serial private static final long serialVersionUID = 1L;

    DamagedEntryException(String message) {
        super(message);
    }
}
